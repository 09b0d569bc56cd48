package io.calm.serving.djl;

import io.calm.testing.Repository;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A real DJL Serving on the loopback address, in the 1 GiB heap of its images. Its classes come
 * from an installation ({@code -Dcalm.djl-serving.home}) or from the test class path ({@code
 * -Pdjl-serving}).
 */
final class RealDjlServing implements AutoCloseable {
  static final String WHERE_TO_FIND_ONE =
      "no DJL Serving here: give -Dcalm.djl-serving.home=DIRECTORY or -Pdjl-serving"
          + " (docs/djl-serving.md)";

  private static final Duration MOST_FOR_START = Duration.ofMinutes(10);
  private static final HttpClient CLIENT = HttpClient.newHttpClient();

  private final URI inference;
  private final URI management;
  private final Process process;
  private final Path log;

  private RealDjlServing(URI inference, URI management, Process process, Path log) {
    this.inference = inference;
    this.management = management;
    this.process = process;
    this.log = log;
  }

  /**
   * What to start.
   *
   * @param home its {@code MODEL_SERVER_HOME}
   * @param plugins jars for {@code plugins/}
   * @param model loaded at the start
   * @param split whether inference and management have connectors of their own
   * @param environment added to that of the tests
   */
  record Setup(
      Path home,
      List<Path> plugins,
      String model,
      Path modelPath,
      boolean split,
      Map<String, String> environment) {}

  /** Returns the class path of the server; empty where there is none to be had. */
  static Optional<String> classPath() {
    return property("calm.djl-serving.home")
        .map(home -> Path.of(home, "lib") + "/*")
        .or(RealDjlServing::profile);
  }

  static Optional<String> property(String name) {
    return Optional.ofNullable(System.getProperty(name)).filter(value -> !value.isBlank());
  }

  private static Optional<String> profile() {
    List<Path> jars =
        testJars()
            .filter(jar -> !jar.getFileName().toString().matches("(calm-|slf4j-simple).*"))
            .toList();
    boolean server =
        jars.stream().anyMatch(jar -> jar.getFileName().toString().startsWith("serving-0"));
    return server
        ? Optional.of(String.join(File.pathSeparator, jars.stream().map(Path::toString).toList()))
        : Optional.empty();
  }

  private static Stream<Path> testJars() {
    return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
        .filter(entry -> entry.endsWith(".jar"))
        .map(Path::of);
  }

  /** Returns the jar that this build has made. */
  static Path pluginJar() throws IOException {
    Path target = Repository.path("plugin/target");
    try (Stream<Path> files = Files.list(target)) {
      return files
          .filter(
              file ->
                  file.getFileName().toString().matches("calm-djl-plugin-[^-]*(-SNAPSHOT)?.jar"))
          .findFirst()
          .orElseThrow(() -> new IOException("no plugin jar in " + target + "; run mvn verify"));
    }
  }

  /**
   * Puts the tests' PyTorch engine where a server that has none in its {@code lib/} looks for it.
   */
  static void addPyTorch(Path home) throws IOException {
    if (classPathHasPyTorch()) {
      return;
    }
    Path deps = Files.createDirectories(home.resolve("deps"));
    for (Path jar : testJars().toList()) {
      if (jar.getFileName().toString().startsWith("pytorch-")) {
        Files.createSymbolicLink(deps.resolve(jar.getFileName()), jar);
      }
    }
  }

  private static boolean classPathHasPyTorch() throws IOException {
    Optional<String> home = property("calm.djl-serving.home");
    if (home.isEmpty()) {
      return true; // the profile's class path is that of the tests
    }
    try (Stream<Path> lib = Files.list(Path.of(home.get(), "lib"))) {
      return lib.anyMatch(jar -> jar.getFileName().toString().startsWith("pytorch-engine"));
    }
  }

  /** Starts a server and waits until its models are ready. */
  static RealDjlServing start(Setup setup) throws IOException, InterruptedException {
    URI inference = freeAddress();
    URI management = setup.split() ? freeAddress() : inference;
    Path plugins = Files.createDirectories(setup.home().resolve("plugins"));
    for (Path jar : setup.plugins()) {
      Files.copy(jar, plugins.resolve(jar.getFileName()));
    }
    Path config = setup.home().resolve("config.properties");
    Files.writeString(
        config,
        """
        inference_address=%s
        management_address=%s
        load_models=%s=%s
        wait_model_loading=false
        """
            .formatted(inference, management, setup.model(), setup.modelPath()));
    Path log = setup.home().resolve("server.log");
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx1g",
            "-XX:+ExitOnOutOfMemoryError",
            "-cp",
            classPath().orElseThrow(),
            "ai.djl.serving.ModelServer",
            "-f",
            config.toString());
    builder.environment().put("MODEL_SERVER_HOME", setup.home().toString());
    builder.environment().put("OPT_OUT_TRACKING", "true");
    builder.environment().put("OMP_NUM_THREADS", "1");
    builder.environment().putAll(setup.environment());
    builder.redirectErrorStream(true).redirectOutput(log.toFile());
    RealDjlServing server = new RealDjlServing(inference, management, builder.start(), log);
    server.awaitReady();
    return server;
  }

  private static URI freeAddress() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return URI.create("http://127.0.0.1:" + socket.getLocalPort());
    }
  }

  private void awaitReady() throws IOException, InterruptedException {
    HttpRequest ready = HttpRequest.newBuilder(management.resolve("/calm/ready")).build();
    long end = System.nanoTime() + MOST_FOR_START.toNanos();
    while (System.nanoTime() < end && process.isAlive()) {
      try {
        if (CLIENT.send(ready, HttpResponse.BodyHandlers.discarding()).statusCode() == 200) {
          return;
        }
      } catch (IOException e) {
        if (!process.isAlive()) {
          break;
        }
      }
      TimeUnit.MILLISECONDS.sleep(100);
    }
    String said = log();
    close();
    throw new IOException("DJL Serving did not become ready; its log:\n" + said);
  }

  /** Returns where the inference routes are. */
  URI inference() {
    return inference;
  }

  /** Returns where the management routes and the plugin's own are. */
  URI management() {
    return management;
  }

  /** Returns what it has printed. */
  String log() throws IOException {
    return Files.readString(log);
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
