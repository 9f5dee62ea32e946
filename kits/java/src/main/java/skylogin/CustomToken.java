package skylogin;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** Builds a custom token, issued at the time of the app's clock. */
public final class CustomToken {
    private final SkyloginApp app;
    private final Map<String, Object> body = new HashMap<>();
    private final Map<String, Object> claims = new HashMap<>();

    CustomToken(SkyloginApp app, String sub) {
        this.app = app;
        body.put("sub", sub);
    }

    public CustomToken profile(Map<String, ?> profile) {
        body.put("skyprofile", profile);
        return this;
    }

    public CustomToken expiresIn(Duration lifetime) {
        body.put("expires_in", lifetime.toSeconds());
        return this;
    }

    /** Sign with HS256, HS384 or HS512. */
    public CustomToken algorithm(String algorithm) {
        body.put("algorithm", algorithm);
        return this;
    }

    /** Add a claim, or replace one. */
    public CustomToken claim(String name, Object value) {
        claims.put(name, value);
        return this;
    }

    /** Make it a bad token of this kind. */
    public CustomToken bad(BadToken bad) {
        body.put("bad", bad.kind());
        return this;
    }

    /** Return the token. */
    public String mint() {
        body.put("claims", claims);
        return Json.object(app.admin("POST", "tokens", body)).get("token").toString();
    }
}
