package skylogin;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/** The login attempts since the app was reset, the oldest first. */
public final class Logins {
    static final int PAGE = 200;
    static final Duration WAIT = Duration.ofSeconds(5);
    private static final int PAUSE_MILLIS = 20;

    private final SkyloginApp app;

    Logins(SkyloginApp app) {
        this.app = app;
    }

    public List<LoginAttempt> list() {
        List<LoginAttempt> attempts = new ArrayList<>();
        Map<String, Object> query = new HashMap<>(Map.of("limit", PAGE));
        do {
            Map<String, Object> page = app.get("logins" + Http.query(query));
            Json.objects(page.get("attempts")).forEach(row -> attempts.add(LoginAttempt.read(row)));
            query.put("cursor", page.get("next_cursor"));
        } while (query.get("cursor") != null);
        Collections.reverse(attempts);
        return attempts;
    }

    public List<LoginAttempt> accepted() {
        return list().stream().filter(LoginAttempt::accepted).toList();
    }

    public List<LoginAttempt> refused() {
        return list().stream().filter(one -> !one.accepted()).toList();
    }

    /** Return the latest attempt. Throws NoSuchElementException if there is none. */
    public LoginAttempt last() {
        List<LoginAttempt> attempts = list();
        if (attempts.isEmpty()) {
            throw new NoSuchElementException("no login attempts yet");
        }
        return attempts.get(attempts.size() - 1);
    }

    /** Return the first attempt of a sub, past or within five seconds. */
    public LoginAttempt waitFor(String sub) {
        return waitFor(attempt -> attempt.subject().equals(sub));
    }

    /** Return the first attempt that matches, past or within five seconds. */
    public LoginAttempt waitFor(Predicate<LoginAttempt> wanted) {
        return waitFor(wanted, WAIT);
    }

    /**
     * Return the first attempt that matches, past or within a time. Throws AssertionError, which lists
     * the attempts that did happen.
     */
    public LoginAttempt waitFor(Predicate<LoginAttempt> wanted, Duration max) {
        long deadline = System.nanoTime() + max.toNanos();
        while (true) {
            List<LoginAttempt> attempts = list();
            for (LoginAttempt attempt : attempts) {
                if (wanted.test(attempt)) {
                    return attempt;
                }
            }
            if (System.nanoTime() >= deadline) {
                throw new AssertionError("no such login attempt in " + max.toMillis() / 1000.0
                        + " s; there were:\n" + inLines(attempts));
            }
            pause();
        }
    }

    /** Return attempts, one per line. */
    static String inLines(List<LoginAttempt> attempts) {
        return attempts.isEmpty()
                ? "none"
                : attempts.stream().map(LoginAttempt::toString).collect(Collectors.joining("\n"));
    }

    static void pause() {
        try {
            Thread.sleep(PAUSE_MILLIS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting", interrupted);
        }
    }

    @Override
    public String toString() {
        return inLines(list());
    }
}
