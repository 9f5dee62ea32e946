package com.example.skylogin;

import java.util.Locale;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives tests a parameter of type {@link Skylogin}: {@code @ExtendWith(SkyloginExtension.class)}.
 *
 * <p>One server is used for the whole run: that of {@code skylogin exec -- mvn test}, or else one
 * that the run starts. Each test class has its own app, which is reset before each test, so test
 * classes can run in parallel. Copy this package into your project; it needs JUnit 5.13 or later
 * and Jackson.
 */
public final class SkyloginExtension implements BeforeEachCallback, ParameterResolver {
    private static final Namespace NAMESPACE = Namespace.create(SkyloginExtension.class);

    @Override
    public void beforeEach(ExtensionContext context) {
        skylogin(context).reset();
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == Skylogin.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return skylogin(context);
    }

    private static Skylogin skylogin(ExtensionContext context) {
        // Values in the root's store are closed at the end of the run.
        SkyloginServer server = context.getRoot().getStore(NAMESPACE)
                .getOrComputeIfAbsent(
                        SkyloginServer.class, key -> SkyloginServer.find(), SkyloginServer.class);
        return new Skylogin(server, appOf(context.getRequiredTestClass()));
    }

    /** Return an app name for a test class: {@code login-test} for {@code LoginTest}. */
    static String appOf(Class<?> test) {
        String parts = test.getSimpleName().replaceAll("(?<=[a-z0-9])(?=[A-Z])", "-");
        return parts.replaceAll("[^A-Za-z0-9]+", "-").toLowerCase(Locale.ROOT);
    }
}
