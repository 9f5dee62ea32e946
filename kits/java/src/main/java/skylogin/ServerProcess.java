package skylogin;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A {@code skylogin dev} in a process of its own. It ends with this process, however that ends: its
 * standard input closes then.
 */
final class ServerProcess implements AutoCloseable {
    // uvx and pipx install skylogin first.
    private static final int START_SECONDS_MAX = 120;
    private static final int STOP_SECONDS_MAX = 10;

    private final Process process;
    private final CompletableFuture<Map<String, Object>> ready = new CompletableFuture<>();
    private final StringBuffer said = new StringBuffer();

    private ServerProcess(Process process) {
        this.process = process;
    }

    /** Start a server with some settings. Throws IllegalStateException, with what it said. */
    static ServerProcess start(Map<String, String> settings) {
        List<String> command = new ArrayList<>(program(System.getenv("PATH"), version()));
        // Isolated, it takes nothing from the project's environment but SKYLOGIN_ variables.
        command.addAll(List.of("dev", "--isolated", "--port", "0", "--exit-with-parent"));
        settings.forEach((name, value) -> command.addAll(List.of("--set", name + "=" + value)));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        // It is for this class, and the server refuses variables that it does not know.
        builder.environment().remove("SKYLOGIN_URL");
        try {
            ServerProcess server = new ServerProcess(builder.start());
            server.waitUntilReady();
            return server;
        } catch (IOException error) {
            throw new UncheckedIOException("skylogin did not start", error);
        }
    }

    /** Return the first that is on the path: skylogin, or what can install and run it. */
    static List<String> program(String path, String version) {
        List<List<String>> programs = List.of(
                List.of("skylogin"),
                List.of("uvx", "skylogin@" + version),
                List.of("pipx", "run", "--spec", "skylogin==" + version, "skylogin"));
        return programs.stream().filter(one -> isOn(path, one.get(0))).findFirst().orElseThrow(() ->
                new IllegalStateException("none of skylogin, uvx and pipx is on the PATH: install "
                        + "skylogin, or set SKYLOGIN_URL to the URL of a server that is running"));
    }

    private static boolean isOn(String path, String name) {
        for (String folder : (path == null ? "" : path).split(File.pathSeparator)) {
            Path file = Path.of(folder, name);
            if (Files.isRegularFile(file) && Files.isExecutable(file)) {
                return true;
            }
        }
        return false;
    }

    /** Return the version of this library, which is that of the server. */
    static String version() {
        try (InputStream file = ServerProcess.class.getResourceAsStream("version")) {
            return new String(file.readAllBytes(), StandardCharsets.UTF_8).strip();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Return the members of the ready line. */
    Map<String, Object> facts() {
        return ready.join();
    }

    private void waitUntilReady() {
        Thread reader = new Thread(this::read, "output of skylogin");
        reader.setDaemon(true);
        reader.start();
        try {
            if (ready.get(START_SECONDS_MAX, TimeUnit.SECONDS).isEmpty()) {
                throw new IllegalStateException("skylogin did not start: " + said.toString().strip());
            }
        } catch (TimeoutException error) {
            kill();
            throw new IllegalStateException(
                    "skylogin was not ready after " + START_SECONDS_MAX + " s: " + said, error);
        } catch (InterruptedException interrupted) {
            kill();
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while skylogin started", interrupted);
        } catch (ExecutionException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Read all that the server prints, because a full pipe would block it. */
    private void read() {
        try (BufferedReader lines = process.inputReader(StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                Map<String, Object> facts = Json.readObject(line);
                if (ready.isDone()) {
                    System.err.println("skylogin: " + line);
                } else if (facts.containsKey("master_key")) {
                    ready.complete(facts);
                } else {
                    said.append(line).append('\n');
                }
            }
        } catch (IOException ended) {
            said.append(ended.getMessage());
        }
        // Without effect if it was ready.
        ready.complete(Map.of());
    }

    @Override
    public void close() {
        try {
            process.getOutputStream().close();
            if (!process.waitFor(STOP_SECONDS_MAX, TimeUnit.SECONDS)) {
                kill();
            }
        } catch (IOException error) {
            kill();
        } catch (InterruptedException interrupted) {
            kill();
            Thread.currentThread().interrupt();
        }
    }

    private void kill() {
        // uvx and pipx have the server below them.
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }
}
