package skylogin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

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
