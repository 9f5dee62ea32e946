package skylogin;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The faults of an app: each affects the next call of an action, such as {@code sso:custom_token:login}
 * or {@link #ANY}, and then ends. For more calls, {@link #add} takes the options of docs/controls.md.
 */
public final class Faults {
    /** Any action. */
    public static final String ANY = "*";
    private static final double MILLIS = 1000.0;

    private final SkyloginApp app;

    Faults(SkyloginApp app) {
        this.app = app;
    }

    /** Delay the answer. */
    public Fault latency(Duration delay, String action) {
        return add("latency", action, Map.of("seconds", delay.toMillis() / MILLIS));
    }

    /** Refuse the call with an error of Skygear, such as {@code ResourceNotFound}. */
    public Fault error(String name, String action) {
        return add("error", action, Map.of("error", name));
    }

    /** Answer with a status and no body, as a proxy would. */
    public Fault status(int status, String action) {
        return add("status", action, Map.of("status", status));
    }

    /** Close the connection without an answer; the call is not carried out. */
    public Fault drop(String action) {
        return add("drop", action, Map.of());
    }

    /** Close the connection in the middle of the answer; the call is carried out. */
    public Fault truncate(String action) {
        return add("truncate", action, Map.of());
    }

    /** Refuse the call as if the database stayed busy. */
    public Fault databaseBusy(String action) {
        return add("database_busy", action, Map.of());
    }

    /** Answer with 429 after a number of calls in a window of the app's clock, until the fault is ended. */
    public Fault rate(int limit, Duration window, String action) {
        return add("rate", action, Map.of("limit", limit, "window", window.toMillis() / MILLIS));
    }

    /** Add a fault with options, such as {@code Map.of("calls", 3)}. */
    public Fault add(String kind, String action, Map<String, ?> options) {
        Map<String, Object> body = new HashMap<>(options);
        body.put("kind", kind);
        body.put("action", action);
        return Fault.read(app, Json.object(app.admin("POST", "faults", body)));
    }

    /** Return the faults in force. */
    public List<Fault> list() {
        return Json.objects(app.get("faults").get("faults")).stream()
                .map(row -> Fault.read(app, row))
                .toList();
    }

    /** Remove all faults. */
    public void clear() {
        app.admin("DELETE", "faults", null);
    }
}
