package skylogin;

import java.util.Map;

/** A fault as it was at the time of the look-up: struck is the number of calls it affected. */
public record Fault(
        SkyloginApp app, String id, String kind, String action, int callsLeft, int struck) {

    static Fault read(SkyloginApp app, Map<String, Object> row) {
        return new Fault(
                app,
                row.get("id").toString(),
                row.get("kind").toString(),
                row.get("action").toString(),
                ((Number) row.get("calls_left")).intValue(),
                ((Number) row.get("struck")).intValue());
    }

    /** Remove the fault. */
    public void end() {
        app.admin("DELETE", "faults/" + id, null);
    }
}
