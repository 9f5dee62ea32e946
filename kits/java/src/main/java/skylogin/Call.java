package skylogin;

import java.time.Instant;
import java.util.Map;

/**
 * A call of a client, with {@code …} for secrets.
 *
 * @param arguments the args of a cloud function, or the members of another action's payload
 * @param leftOut why the arguments are not here; empty otherwise
 * @param key none, client or master
 * @param status null until the call is answered
 * @param stubId null unless a stub answered
 */
public record Call(
        String id,
        Instant at,
        String action,
        Object arguments,
        String leftOut,
        String key,
        String userId,
        Integer status,
        String error,
        String reason,
        String explanation,
        String stubId) {

    static Call read(Map<String, Object> row) {
        Object stub = row.get("stub_id");
        return new Call(
                row.get("id").toString(),
                AppClock.time(row.get("at")),
                row.get("action").toString(),
                row.get("arguments"),
                row.get("left_out").toString(),
                row.get("key").toString(),
                row.get("user_id").toString(),
                Json.integer(row.get("status")),
                row.get("error").toString(),
                row.get("reason").toString(),
                row.get("explanation").toString(),
                stub == null ? null : stub.toString());
    }
}
