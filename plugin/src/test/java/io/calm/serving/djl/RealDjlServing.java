package io.calm.serving.djl;

import io.calm.testing.HttpClients;
import io.calm.testing.JavaProcess;
import io.calm.testing.Repository;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
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
          + " (docs/how-to/test-in-djl-serving.md)";

  private static final Duration START_TIMEOUT = Duration.ofMinutes(10);
  private static final HttpClient CLIENT = HttpClient.newHttpClient();

  /** Everything on the console, by its logger's name, and DJL Serving's own metrics. */
  private static final String LOGGING =
      """
      <Configuration>
        <Appenders>
          <Console name="console"><PatternLayout pattern="%level %c{1}: %msg%n"/></Console>
          <Prometheus name="prometheus"/>
        </Appenders>
        <Loggers>
          <Root level="info"><AppenderRef ref="console"/></Root>
          <Logger name="server_metric" level="info"><AppenderRef ref="prometheus"/></Logger>
          <Logger name="model_metric" level="info"><AppenderRef ref="prometheus"/></Logger>
        </Loggers>
      </Configuration>
      """;

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
   * The configuration of a server.
   *
   * @param home its {@code MODEL_SERVER_HOME}
   * @param plugins jars for {@code plugins/}
   * @param model loaded at the start
   * @param split whether inference and management have connectors of their own
   * @param environment added to that of the tests
   * @param config lines added to {@code config.properties}
   */
  record Setup(
      Path home,
      List<Path> plugins,
      String model,
      Path modelPath,
      boolean split,
      Map<String, String> environment,
      List<String> config) {
    Setup(
        Path home,
        List<Path> plugins,
        String model,
        Path modelPath,
        boolean split,
        Map<String, String> environment) {
      this(home, plugins, model, modelPath, split, environment, List.of());
    }

    /** Returns a server of the plugin with scripted models, one of which is loaded at its start. */
    static Setup scripted(Path home, boolean split) throws IOException {
      Path model = Files.createDirectories(home.resolve("models").resolve("scripted"));
      Files.writeString(model.resolve("model.properties"), "calm.enabled=true\n");
      return new Setup(
          home, List.of(ScriptedJar.write(home)), "scripted", model, split, Map.of(), List.of());
    }

    Setup withConfig(String... lines) {
      return new Setup(home, plugins, model, modelPath, split, environment, List.of(lines));
    }

    Setup withEnvironment(Map<String, String> more) {
      return new Setup(home, plugins, model, modelPath, split, more, config);
    }
  }

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
            .filter(
                jar -> !jar.getFileName().toString().matches("(calm-|slf4j-simple|tensorrt-).*"))
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
    addEngine(home, "pytorch-");
  }

  /** Puts the tests' jars of an engine, whose names start with {@code prefix}, there. */
  static void addEngine(Path home, String prefix) throws IOException {
    if (classPathHas(prefix + "engine")) {
      return;
    }
    Path deps = Files.createDirectories(home.resolve("deps"));
    for (Path jar : testJars().toList()) {
      if (jar.getFileName().toString().startsWith(prefix)) {
        Files.createSymbolicLink(deps.resolve(jar.getFileName()), jar);
      }
    }
  }

  private static boolean classPathHas(String name) throws IOException {
    Optional<String> home = property("calm.djl-serving.home");
    if (home.isEmpty()) {
      return true; // the profile's class path is that of the tests
    }
    try (Stream<Path> lib = Files.list(Path.of(home.get(), "lib"))) {
      return lib.anyMatch(jar -> jar.getFileName().toString().startsWith(name));
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
        %s
        """
            .formatted(
                inference,
                management,
                setup.model(),
                setup.modelPath(),
                String.join("\n", setup.config())));
    Path logging = setup.home().resolve("log4j2.xml");
    Files.writeString(logging, LOGGING);
    Path log = setup.home().resolve("server.log");
    ProcessBuilder builder =
        new ProcessBuilder(
            JavaProcess.java(),
            "-Xmx1g",
            "-XX:+ExitOnOutOfMemoryError",
            "-Dlog4j.configurationFile=" + logging,
            "-cp",
            classPath().orElseThrow(),
            "ai.djl.serving.ModelServer",
            "-f",
            config.toString());
    JavaProcess.removeSettings(builder.environment());
    builder.environment().put("MODEL_SERVER_HOME", setup.home().toString());
    builder.environment().put("OPT_OUT_TRACKING", "true");
    builder.environment().put("OMP_NUM_THREADS", "1");
    builder.environment().putAll(setup.environment());
    builder.redirectErrorStream(true).redirectOutput(log.toFile());
    RealDjlServing server = new RealDjlServing(inference, management, builder.start(), log);
    server.awaitReady(setup.plugins().isEmpty() ? "/ping" : "/calm/ready");
    return server;
  }

  private static URI freeAddress() throws IOException {
    try (ServerSocket socket =
        new ServerSocket(0, 1, InetAddress.getByAddress(new byte[] {127, 0, 0, 1}))) {
      return URI.create("http://127.0.0.1:" + socket.getLocalPort());
    }
  }

  private void awaitReady(String path) throws IOException, InterruptedException {
    HttpRequest ready = HttpRequest.newBuilder(management.resolve(path)).build();
    long end = System.nanoTime() + START_TIMEOUT.toNanos();
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

  /** Registers a scripted model of these properties, as an operator does. */
  HttpResponse<byte[]> register(String name, String properties, String query) throws Exception {
    Path model = Files.createDirectories(log.resolveSibling("models").resolve(name));
    Files.writeString(model.resolve("model.properties"), "calm.enabled=true\n" + properties);
    String url = URLEncoder.encode(model.toUri().toString(), StandardCharsets.UTF_8);
    return HttpClients.send(
        HttpClients.request(management + "/models?model_name=" + name + "&url=" + url + query)
            .POST(HttpRequest.BodyPublishers.noBody())
            .build());
  }

  HttpResponse<byte[]> unregister(String name) throws Exception {
    return HttpClients.send(HttpClients.request(management + "/models/" + name).DELETE().build());
  }

  /** Asks it to end, as a container's runtime does, without waiting. */
  void terminate() {
    process.destroy();
  }

  /** Waits for its end and returns its exit code. */
  int awaitExit() throws InterruptedException {
    return process.waitFor();
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
