package skylogin;

import java.net.URI;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * A running {@code skylogin dev}: the one at {@code SKYLOGIN_URL}, the one of {@code skylogin exec},
 * or else one that {@link #start()} starts and {@link #close()} stops.
 *
 * <pre>{@code
 * try (SkyloginServer server = new SkyloginServer().start()) {
 *     String token = server.app("shop").mint("alice");
 * }
 * }</pre>
 */
public final class SkyloginServer implements AutoCloseable {
    private static final String DEFAULT_MASTER_KEY = "secret";

    private final Map<String, String> settings = new TreeMap<>();
    private final Map<String, String> environment;
    private ServerProcess process;
    private URI url;
    private Http http;

    /** Describe a server; {@link #start()} starts or finds it. */
    public SkyloginServer() {
        this(System.getenv());
    }

    SkyloginServer(Map<String, String> environment) {
        this.environment = environment;
    }

    /** Give the server a setting, by its variable. */
    public SkyloginServer withSetting(String variable, String value) {
        settings.put(variable, value);
        return this;
    }

    /**
     * Start the server, or find the one that is running. Throws IllegalStateException if that
     * fails.
     */
    public SkyloginServer start() {
        if (url != null) {
            throw new IllegalStateException("the server was already started");
        }
        if (!given("SKYLOGIN_URL").isEmpty()) {
            connect(given("SKYLOGIN_URL"), DEFAULT_MASTER_KEY);
        } else if (!given("SKYLOGIN_APP").isEmpty() && !given("SKYGEAR_ENDPOINT").isEmpty()) {
            // Without SKYLOGIN_APP, the SKYGEAR_ variables are about the project's own Skygear server.
            connect(given("SKYGEAR_ENDPOINT"), given("SKYGEAR_MASTER_KEY"));
        } else {
            process = ServerProcess.start(settings);
            Map<String, Object> facts = process.facts();
            use(facts.get("url").toString(), facts.get("master_key").toString());
        }
        return this;
    }

    private String given(String variable) {
        return environment.getOrDefault(variable, "");
    }

    private void use(String server, String masterKey) {
        url = URI.create(server.endsWith("/") ? server : server + "/");
        String token = settings.getOrDefault("SKYLOGIN_ADMIN_TOKEN", given("SKYLOGIN_ADMIN_TOKEN"));
        http = new Http(url, token.isEmpty() ? masterKey : token);
    }

    private void connect(String server, String masterKey) {
        try {
            use(server, masterKey);
            checkSettings();
        } catch (RuntimeException error) {
            url = null;
            throw new IllegalStateException(
                    "the server " + server + " cannot be used: " + error.getMessage(), error);
        }
    }

    /** Throw IllegalStateException if a running server has other settings than those asked for. */
    private void checkSettings() {
        Map<String, Object> answer = Json.object(http.ask("GET", "settings", null));
        Map<String, String> actual = new TreeMap<>();
        for (Map<String, Object> row : Json.objects(answer.get("settings"))) {
            actual.put(row.get("variable").toString(), String.valueOf(row.get("value")));
        }
        settings.forEach((name, wanted) -> {
            if (!Objects.equals(actual.get(name), wanted)) {
                throw new IllegalStateException(
                        name + " is " + actual.get(name) + ", the tests ask for " + wanted);
            }
        });
    }

    /** Return the server's URL. It ends with a slash. */
    public URI url() {
        if (url == null) {
            throw new IllegalStateException("the server is not running: call start()");
        }
        return url;
    }

    /**
     * Return the app with a name of lower-case letters, digits and dashes. An app that does
     * not exist is created.
     */
    public SkyloginApp app(String name) {
        return new SkyloginApp(url(), http, name);
    }

    /** Stop the server, if this object started it. */
    @Override
    public void close() {
        if (process != null) {
            process.close();
        }
        process = null;
        url = null;
    }
}
