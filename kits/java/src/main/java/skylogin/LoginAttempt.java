package skylogin;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** A login attempt. The reason is a code of docs/wire.md; the claims contain no secrets. */
public record LoginAttempt(
        String id,
        Instant at,
        boolean accepted,
        String reason,
        String explanation,
        String subject,
        String userId,
        int status,
        String action,
        String algorithm,
        Map<String, Object> header,
        Map<String, Object> claims,
        List<String> claimNames,
        String secretId) {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSSSSS").withZone(ZoneOffset.UTC);
    private static final Pattern CONTROL = Pattern.compile("\\p{Cc}");

    static LoginAttempt read(Map<String, Object> row) {
        return new LoginAttempt(
                row.get("id").toString(),
                AppClock.time(row.get("at")),
                Boolean.TRUE.equals(row.get("accepted")),
                row.get("reason").toString(),
                row.get("explanation").toString(),
                row.get("subject").toString(),
                row.get("user_id").toString(),
                ((Number) row.get("status")).intValue(),
                row.get("action").toString(),
                row.get("algorithm").toString(),
                Json.object(row.get("header")),
                Json.object(row.get("claims")),
                Json.texts(row.get("claim_names")),
                row.get("secret_id").toString());
    }

    /** Return the token's skyprofile, without members if it had none or none was kept. */
    public Map<String, Object> profile() {
        return Json.object(claims.get("skyprofile"));
    }

    /** Return the attempt as one line without control characters. */
    @Override
    public String toString() {
        String outcome = accepted ? "accepted" : "refused " + reason;
        String line = TIME.format(at) + "  " + (subject.isEmpty() ? "-" : subject) + "  " + outcome
                + ": " + explanation;
        return CONTROL.matcher(line).replaceAll(one ->
                String.format("\\\\x%02x", (int) one.group().charAt(0)));
    }
}
