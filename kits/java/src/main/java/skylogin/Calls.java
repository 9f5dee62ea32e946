package skylogin;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The calls of clients since the app was reset, the oldest first. The action {@code push:*} stands for
 * every action that begins with {@code push:}.
 */
public final class Calls {
    // The longest time for which one request waits at the server.
    private static final Duration ROUND = Duration.ofSeconds(5);
    private static final double MILLIS = 1000.0;

    private final SkyloginApp app;

    Calls(SkyloginApp app) {
        this.app = app;
    }

    public List<Call> list() {
        return read("calls");
    }

    /** Return the calls of an action. */
    public List<Call> list(String action) {
        return read("calls" + Http.query(Map.of("action", action)));
    }

    /** Return the calls that nothing answered. */
    public List<Call> unmatched() {
        return list().stream().filter(call -> call.reason().equals("not_emulated")).toList();
    }

    /** Return the first answered call of an action, past or within five seconds. */
    public Call waitFor(String action) {
        return waitFor(action, Map.of());
    }

    /** Return the first answered call with these arguments, past or within five seconds. */
    public Call waitFor(String action, Map<String, ?> arguments) {
        return waitFor(action, arguments, Logins.WAIT);
    }

    /**
     * Return the first answered call that has these arguments, and maybe others, past or within a
     * time. Throws AssertionError, which says which call came closest.
     */
    public Call waitFor(String action, Map<String, ?> arguments, Duration max) {
        Map<String, Object> body = new HashMap<>(Map.of("action", action));
        if (!arguments.isEmpty()) {
            body.put("arguments", arguments);
        }
        Duration left = max;
        while (true) {
            Duration round = left.compareTo(ROUND) < 0 ? left : ROUND;
            body.put("timeout", round.toMillis() / MILLIS);
            Map<String, Object> answer = Json.object(app.admin("POST", "calls/wait", body));
            if (answer.get("call") != null) {
                return Call.read(Json.object(answer.get("call")));
            }
            left = left.minus(round);
            if (left.isZero()) {
                throw new AssertionError(
                        "in " + max.toMillis() / MILLIS + " s: " + answer.get("explanation"));
            }
        }
    }

    /** Delete the recorded calls. */
    public void clear() {
        app.admin("DELETE", "calls", null);
    }

    private List<Call> read(String path) {
        return Json.objects(app.get(path).get("calls")).stream().map(Call::read).toList();
    }
}
