package skylogin;

import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;

/** The users of an app, by the sub of their custom tokens. */
public final class Users {
    private final SkyloginApp app;

    Users(SkyloginApp app) {
        this.app = app;
    }

    /** Return a user. Throws NoSuchElementException. */
    public User get(String sub) {
        return find(sub).orElseThrow(() -> new NoSuchElementException("no user " + sub));
    }

    public Optional<User> find(String sub) {
        List<User> found = list(Map.of("subject", sub));
        return found.stream().filter(user -> user.sub().equals(sub)).findFirst();
    }

    /** Return the users with a sub, the newest first; at most 200. */
    public List<User> list() {
        return list(Map.of("limit", Logins.PAGE));
    }

    private List<User> list(Map<String, ?> query) {
        return Json.objects(app.get("users" + Http.query(query)).get("users")).stream()
                .filter(row -> row.get("subject") != null)
                .map(row -> User.read(app, row))
                .toList();
    }

    /** Add a user without a login. */
    public User add(String sub) {
        return add(sub, Map.of());
    }

    public User add(String sub, Map<String, ?> profile) {
        app.seed(Map.of("users", List.of(Map.of("sub", sub, "profile", profile))));
        return get(sub);
    }
}
