package skylogin;

import java.time.Instant;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A user as they were at the time of the look-up. The methods change the user on the server; look the
 * user up again to see the change.
 *
 * @param profile the app's own fields
 * @param record the user record as sent to clients
 * @param disabledUntil null if the user is not disabled, or permanently
 * @param lastLoginAt null before the first login
 * @param lastSeenAt null before the first login
 */
public record User(
        SkyloginApp app,
        String sub,
        String id,
        Map<String, Object> profile,
        Map<String, Object> record,
        List<String> roles,
        boolean disabled,
        String disabledMessage,
        Instant disabledUntil,
        Instant createdAt,
        Instant lastLoginAt,
        Instant lastSeenAt) {
    private static final String LAST_LOGIN = "last_login_at";

    static User read(SkyloginApp app, Map<String, Object> row) {
        Map<String, Object> record = Json.object(row.get("profile"));
        Object message = row.get("disabled_message");
        return new User(
                app,
                row.get("subject").toString(),
                row.get("id").toString(),
                profileOf(record),
                record,
                Json.texts(row.get("roles")),
                Boolean.TRUE.equals(row.get("disabled")),
                message == null ? "" : message.toString(),
                AppClock.time(row.get("disabled_until")),
                AppClock.time(row.get("created_at")),
                AppClock.time(Json.object(record.get(LAST_LOGIN)).get("$date")),
                AppClock.time(row.get("last_seen_at")));
    }

    static Map<String, Object> profileOf(Map<String, Object> record) {
        Map<String, Object> profile = new TreeMap<>(record);
        profile.keySet().removeIf(name -> name.startsWith("_") || name.equals(LAST_LOGIN));
        return Collections.unmodifiableMap(profile);
    }

    /** Disable the user. Logins and calls are refused with the message. */
    public void disable(String message) {
        disable(message, null);
    }

    public void disable(String message, Instant until) {
        Map<String, Object> body = new HashMap<>(Map.of("message", message));
        if (until != null) {
            body.put("until", until);
        }
        ask("POST", "/disable", body);
    }

    public void enable() {
        ask("POST", "/enable", null);
    }

    /** Replace the roles. */
    public void setRoles(String... roles) {
        ask("PUT", "/roles", Map.of("roles", List.of(roles)));
    }

    /** Change fields of the profile; null removes one. */
    public void edit(Map<String, ?> fields) {
        ask("PATCH", "", Map.of("profile", fields));
    }

    /** Revoke all access tokens. */
    public void signOut() {
        ask("POST", "/sign-out", null);
    }

    public void delete() {
        ask("DELETE", "", null);
    }

    private void ask(String method, String act, Object body) {
        app.admin(method, "users/" + Http.quoted(id) + act, body);
    }
}
