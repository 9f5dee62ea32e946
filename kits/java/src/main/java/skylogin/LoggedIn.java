package skylogin;

import java.time.Instant;
import java.util.List;
import java.util.Map;

/**
 * The result of a login. The profile has the app's own fields, the record all of them.
 *
 * @param lastLoginAt null at the first login
 * @param lastSeenAt null at the first login
 */
public record LoggedIn(
        String userId,
        String accessToken,
        Map<String, Object> profile,
        Map<String, Object> record,
        List<String> roles,
        Instant lastLoginAt,
        Instant lastSeenAt) {

    static LoggedIn read(Map<String, Object> result) {
        Map<String, Object> record = Json.object(result.get("profile"));
        return new LoggedIn(
                result.get("user_id").toString(),
                result.get("access_token").toString(),
                User.profileOf(record),
                record,
                Json.texts(result.get("roles")),
                AppClock.time(result.get("last_login_at")),
                AppClock.time(result.get("last_seen_at")));
    }

    /** Show the login without its access token. */
    @Override
    public String toString() {
        return "LoggedIn[userId=" + userId + ", profile=" + profile + ", roles=" + roles + "]";
    }
}
