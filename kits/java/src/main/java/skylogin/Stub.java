package skylogin;

import java.util.Map;

/**
 * A stub as it was at the time of the look-up.
 *
 * @param times null for all calls
 * @param delay the seconds before the answer
 * @param used the number of calls that it has answered
 */
public record Stub(
        SkyloginApp app,
        String id,
        String action,
        Object arguments,
        Integer times,
        double delay,
        int used) {

    static Stub read(SkyloginApp app, Map<String, Object> row) {
        return new Stub(
                app,
                row.get("id").toString(),
                row.get("action").toString(),
                row.get("arguments"),
                Json.integer(row.get("times")),
                ((Number) row.get("delay")).doubleValue(),
                ((Number) row.get("used")).intValue());
    }

    public void remove() {
        app.admin("DELETE", "stubs/" + id, null);
    }
}
