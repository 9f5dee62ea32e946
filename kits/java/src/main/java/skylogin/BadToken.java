package skylogin;

import java.util.Locale;

/** A kind of custom token that is refused. docs/testing.md describes each. */
public enum BadToken {
    EXPIRED,
    NOT_YET,
    WRONG_SECRET,
    WRONG_ALGORITHM,
    UNSIGNED,
    TAMPERED,
    NO_SUB,
    EMPTY_SUB,
    LONG_SUB,
    NO_IAT,
    NO_EXP,
    BAD_PROFILE,
    MALFORMED;

    /** Return the name in the admin API. */
    String kind() {
        return name().toLowerCase(Locale.ROOT);
    }
}
