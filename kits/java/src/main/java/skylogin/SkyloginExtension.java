package skylogin;

import java.io.UncheckedIOException;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ExtensionContext.Store;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.jupiter.api.extension.TestWatcher;

/**
 * Gives tests a parameter of type {@link SkyloginApp}: {@code @ExtendWith(SkyloginExtension.class)},
 * or {@code @RegisterExtension static} with settings.
 *
 * <p>One {@link SkyloginServer} is used for the whole run. Each test class has its own app,
 * which is reset before each test. A failed test prints its login attempts.
 */
public final class SkyloginExtension
        implements BeforeEachCallback, AfterAllCallback, ParameterResolver, TestWatcher {
    private static final Namespace NAMESPACE = Namespace.create(SkyloginExtension.class);
    private static final int NAME_LENGTH_MAX = 40;
    private static final int UNIQUE_LENGTH = 12;

    private final Map<String, String> settings = new TreeMap<>();

    /** Give the server a setting, by its variable. */
    public SkyloginExtension withSetting(String variable, String value) {
        settings.put(variable, value);
        return this;
    }

    @Override
    public void beforeEach(ExtensionContext context) {
        app(context).resetToProject();
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == SkyloginApp.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return app(context);
    }

    @Override
    public void testFailed(ExtensionContext context, Throwable cause) {
        Class<?> test = context.getRequiredTestClass();
        SkyloginApp app = apps(context).get(test, SkyloginApp.class);
        if (app == null) {
            return;
        }
        try {
            System.err.println("skylogin: login attempts of " + test.getSimpleName() + ", "
                    + context.getDisplayName() + ":\n" + app.logins());
        } catch (UncheckedIOException | AdminException error) {
            System.err.println("skylogin: no login attempts can be had: " + error.getMessage());
        }
    }

    @Override
    public void afterAll(ExtensionContext context) {
        SkyloginApp app = apps(context).remove(context.getRequiredTestClass(), SkyloginApp.class);
        if (app == null) {
            return;
        }
        try {
            app.delete();
        } catch (UncheckedIOException | AdminException error) {
            // A test may have deleted the app, or stopped the server.
            System.err.println("skylogin: " + app + " is not deleted: " + error.getMessage());
        }
    }

    private SkyloginApp app(ExtensionContext context) {
        Class<?> test = context.getRequiredTestClass();
        SkyloginServer server = server(context);
        String name = nameFor(test.getSimpleName());
        return apps(context).getOrComputeIfAbsent(
                test, key -> server.app(name), SkyloginApp.class);
    }

    private Store apps(ExtensionContext context) {
        return context.getRoot().getStore(NAMESPACE);
    }

    private SkyloginServer server(ExtensionContext context) {
        // JUnit closes the values in the root's store at the end of the run.
        return context.getRoot().getStore(NAMESPACE).getOrComputeIfAbsent(
                Map.copyOf(settings), key -> start(), SkyloginServer.class);
    }

    private SkyloginServer start() {
        SkyloginServer server = new SkyloginServer();
        settings.forEach(server::withSetting);
        return server.start();
    }

    /** Return a name that is unique to this run, such as {@code login-test-…} for LoginTest. */
    static String nameFor(String test) {
        String words = test.replaceAll("(?<=[a-z0-9])(?=[A-Z])", "-");
        String name = words.replaceAll("[^A-Za-z0-9]+", "-").replaceAll("^-+", "");
        name = name.substring(0, Math.min(name.length(), NAME_LENGTH_MAX)).toLowerCase(Locale.ROOT);
        String unique = UUID.randomUUID().toString().replace("-", "").substring(0, UNIQUE_LENGTH);
        return (name + "-" + unique).replaceAll("-+", "-").replaceAll("^-", "");
    }
}
