package skylogin;

import java.time.Duration;
import java.time.Instant;
import java.util.Map;

/** The clock of an app, which shows the system's time until a test moves it. Each call returns its time. */
public final class AppClock {
    private static final double NANOS = 1e9;

    private final SkyloginApp app;

    AppClock(SkyloginApp app) {
        this.app = app;
    }

    public Instant now() {
        return ask("GET", "clock", null);
    }

    /** Stop the clock. */
    public Instant freeze() {
        return ask("PUT", "clock", Map.of("frozen", true));
    }

    /** Stop the clock at a time. */
    public Instant freeze(Instant at) {
        return ask("PUT", "clock", Map.of("frozen", true, "now", at));
    }

    /** Let the clock continue from the time that it shows. */
    public Instant unfreeze() {
        return ask("PUT", "clock", Map.of("frozen", false));
    }

    /** Set the clock, which continues from there. */
    public Instant set(Instant at) {
        return ask("PUT", "clock", Map.of("frozen", false, "now", at));
    }

    /** Advance the clock; a negative duration moves it back. */
    public Instant advance(Duration by) {
        double seconds = by.getSeconds() + by.getNano() / NANOS;
        return ask("POST", "clock/advance", Map.of("seconds", seconds));
    }

    /** Reset the clock to the system's time. */
    public Instant reset() {
        return ask("DELETE", "clock", null);
    }

    private Instant ask(String method, String path, Object body) {
        return time(Json.object(app.admin(method, path, body)).get("now"));
    }

    static Instant time(Object text) {
        return text == null ? null : Instant.parse(text.toString());
    }
}
