package skylogin;

import java.time.Instant;
import java.util.Map;

/**
 * A mail, or a code for a phone.
 *
 * @param kind reset or verification
 * @param to the e-mail address or the phone number
 * @param recordKey the field of the user that has it
 * @param used whether the code has been used
 */
public record Mail(
        String id,
        Instant at,
        String kind,
        String to,
        String userId,
        String code,
        Instant expiresAt,
        String link,
        String recordKey,
        String text,
        boolean used) {

    static Mail read(Map<String, Object> row) {
        return new Mail(
                row.get("id").toString(),
                AppClock.time(row.get("at")),
                row.get("kind").toString(),
                row.get("to").toString(),
                row.get("user_id").toString(),
                row.get("code").toString(),
                AppClock.time(row.get("expires_at")),
                row.get("link").toString(),
                row.get("record_key").toString(),
                row.get("text").toString(),
                Boolean.TRUE.equals(row.get("used")));
    }
}
