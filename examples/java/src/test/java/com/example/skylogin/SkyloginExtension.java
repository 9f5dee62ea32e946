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
 * <p>There is one server for the whole run: the one that {@code skylogin exec -- mvn test} started,
 * or else one of this run's own. Every test class has an app to itself, which is reset before each
 * test, so that test classes may run side by side. Copy this package into your project; it needs
 * JUnit 5.13 or later and Jackson.
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
        // What is kept in the root's store is closed at the end of the run.
        SkyloginServer server = context.getRoot().getStore(NAMESPACE)
                .getOrComputeIfAbsent(
                        SkyloginServer.class, key -> SkyloginServer.find(), SkyloginServer.class);
        return new Skylogin(server, appOf(context.getRequiredTestClass()));
    }

    /** Return the name of a class as an app can have it: {@code LoginTest} is {@code login-test}. */
    static String appOf(Class<?> test) {
        String parts = test.getSimpleName().replaceAll("(?<=[a-z0-9])(?=[A-Z])", "-");
        return parts.replaceAll("[^A-Za-z0-9]+", "-").toLowerCase(Locale.ROOT);
    }
}
