package skylogin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SkyloginServerTest {
    @Test
    void aServerRunsDuringABlock() {
        SkyloginApp app;
        try (SkyloginServer server = new SkyloginServer().start()) {
            app = server.app("shop");
            assertEquals(server.url() + "apps/shop/", app.url().toString());
            app.logIn("alice");
            assertTrue(server.app("other").users().list().isEmpty());
        }
        assertThrows(UncheckedIOException.class, () -> app.logIn("alice"));
    }

    @Test
    void aServerThatDoesNotStartSaysWhy() {
        SkyloginServer server = new SkyloginServer().withSetting("NO_SETTING", "1");

        IllegalStateException error = assertThrows(IllegalStateException.class, server::start);

        assertTrue(error.getMessage().contains("NO_SETTING is not a setting"), error.getMessage());
        assertThrows(IllegalStateException.class, server::url);
    }

    @Test
    void whatAServerWarnsOfIsShown() {
        PrintStream before = System.err;
        ByteArrayOutputStream shown = new ByteArrayOutputStream();
        System.setErr(new PrintStream(shown, true, StandardCharsets.UTF_8));
        try (SkyloginServer server = new SkyloginServer().withSetting("PLUGINS", "x").start()) {
            server.app("shop").reset();
        } finally {
            System.setErr(before);
        }
        String text = shown.toString(StandardCharsets.UTF_8);
        assertTrue(text.contains("PLUGINS has no effect here"), text);
    }

    @Test
    void aServerThatRunsIsUsed() {
        try (SkyloginServer own = new SkyloginServer().withSetting("SKYLOGIN_ISSUER", "shop").start()) {
            String url = own.url().toString();
            Map<String, String> named = Map.of("SKYLOGIN_URL", url.substring(0, url.length() - 1));
            Map<String, String> ofExec = Map.of(
                    "SKYLOGIN_APP", "myapp", "SKYGEAR_ENDPOINT", url, "SKYGEAR_MASTER_KEY", "secret");
            for (Map<String, String> environment : List.of(named, ofExec)) {
                SkyloginServer same = new SkyloginServer(environment);
                same.withSetting("SKYLOGIN_ISSUER", "shop").start().app("shop").reset();
                assertEquals(own.url(), same.url());
                same.close();
            }
            SkyloginServer other = new SkyloginServer(named).withSetting("SKYLOGIN_ISSUER", "other");
            IllegalStateException error = assertThrows(IllegalStateException.class, other::start);
            assertTrue(error.getMessage().endsWith("SKYLOGIN_ISSUER is shop, the tests ask for other"));
            own.app("shop").reset();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"http://127.0.0.1:1/", "no url", "127.0.0.1:3000", "ftp://127.0.0.1/"})
    void aServerThatIsNotThereIsNamed(String url) {
        SkyloginServer server = new SkyloginServer(Map.of("SKYLOGIN_URL", url));

        IllegalStateException error = assertThrows(IllegalStateException.class, server::start);

        assertTrue(error.getMessage().startsWith("the server " + url), error.getMessage());
    }

    @Test
    void theFirstProgramOnThePathIsUsed(@TempDir Path folder) throws IOException {
        String path = folder.resolve("nothing") + File.pathSeparator + folder;
        assertThrows(IllegalStateException.class, () -> ServerProcess.program(null, "/a.whl"));
        addProgram(folder, "pipx");
        assertEquals(
                List.of("pipx", "run", "--spec", "/a.whl", "skylogin"),
                ServerProcess.program(path, "/a.whl"));
        addProgram(folder, "uvx");
        Files.createDirectory(folder.resolve("skylogin"));
        assertEquals(
                List.of("uvx", "--from", "/a.whl", "skylogin"),
                ServerProcess.program(path, "/a.whl"));
        assertThrows(IllegalStateException.class, () -> ServerProcess.program(path, null));
        Files.delete(folder.resolve("skylogin"));
        addProgram(folder, "skylogin");
        assertEquals(List.of("skylogin"), ServerProcess.program(path, "/a.whl"));
    }

    private static void addProgram(Path folder, String name) throws IOException {
        assertTrue(Files.createFile(folder.resolve(name)).toFile().setExecutable(true));
    }

    @Nested
    @ExtendWith(SkyloginExtension.class)
    class InATest {
        @Test
        void anAppOfTheClassIsGiven(SkyloginApp skylogin) {
            assertTrue(skylogin.name().startsWith("in-atest-"), skylogin.name());
            assertTrue(skylogin.users().list().isEmpty());
        }
    }

    @Test
    void anAppIsNamedAfterItsClass() {
        assertTrue(SkyloginExtension.nameFor("LoginV2Test").matches("login-v2-test-[0-9a-f]{12}"));
        assertTrue(SkyloginExtension.nameFor("_\u00e4_B_").matches("b-[0-9a-f]{12}"));
        assertTrue(SkyloginExtension.nameFor("\u00e4").matches("[0-9a-f]{12}"));
    }
}
