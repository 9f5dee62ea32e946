package skylogin;

import java.util.Map;

/** A call that the server refused: what the client got, and why. */
public final class RefusedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;
    private final String name;
    private final int code;
    private final String reason;
    private final String explanation;

    RefusedException(int status, Map<String, Object> error, String reason) {
        super(text(status, error, reason));
        this.status = status;
        name = String.valueOf(error.getOrDefault("name", ""));
        code = error.get("code") instanceof Number number ? number.intValue() : 0;
        String[] parts = reason.split(": ", 2);
        this.reason = parts[0];
        explanation = parts.length > 1 ? parts[1] : "";
    }

    private static String text(int status, Map<String, Object> error, String reason) {
        StringBuilder text = new StringBuilder(String.valueOf(status));
        if (!error.isEmpty()) {
            text.append(' ').append(error.get("name")).append(' ').append(error.get("code"));
            text.append(": ").append(error.get("message"));
        }
        return reason.isEmpty() ? text.toString() : text.append(" (" + reason + ")").toString();
    }

    /** Return the status of the answer. */
    public int status() {
        return status;
    }

    /** Return the name of Skygear's error, empty if the answer had none. */
    public String name() {
        return name;
    }

    /** Return the code of Skygear's error, 0 if the answer had none. */
    public int code() {
        return code;
    }

    /** Return skylogin's reason, such as {@code expired}; empty if it gave none. */
    public String reason() {
        return reason;
    }

    /** Return the reason in words. */
    public String explanation() {
        return explanation;
    }
}
