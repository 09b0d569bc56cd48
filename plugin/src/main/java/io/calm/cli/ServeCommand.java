package io.calm.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.calm.cli.models.ModelSource;
import io.calm.host.EmbeddedHost;
import io.calm.host.HostSettings;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.djl.GracefulExit;
import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.http.HttpRehearsal;
import io.calm.serving.http.ModelManagement;
import io.calm.serving.http.RequestWorkers;
import io.calm.serving.http.ServerMetrics;
import io.calm.serving.load.LocalModels;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.load.ModelLoads;
import io.calm.serving.load.Rehearsal;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.settings.ModelProperties;
import io.calm.settings.ServerSettings;
import io.netty.util.NetUtil;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * The command {@code calm serve}: serves models over HTTP and quantizes them first if necessary.
 */
@Command(
    name = "serve",
    description =
        "Serves models over HTTP. A model without a cached artifact is quantized first. POST and"
            + " DELETE /models load and unload models at run time.")
final class ServeCommand implements Callable<Integer> {
  private static final Logger logger = LoggerFactory.getLogger(ServeCommand.class);

  @Parameters(
      paramLabel = "MODEL",
      arity = "0..*",
      description =
          "Hugging Face directories, .gguf files, or directories with a download recipe, such as"
              + " models/smollm2-135m-instruct (the default).")
  private final List<Path> models = new ArrayList<>();

  @Option(
      names = {"-s", "--set"},
      paramLabel = "KEY=VALUE",
      description =
          "A calm.* setting that overrides model.properties, for all models named here, e.g."
              + " -s calm.group=128. For models that are registered later it is the default."
              + " Repeatable.")
  private final Map<String, String> overrides = new LinkedHashMap<>();

  @Option(
      names = "--host",
      defaultValue = "127.0.0.1",
      description = "Address to listen on. Default: ${DEFAULT-VALUE}.")
  private String host;

  @Option(
      names = "--port",
      defaultValue = "8080",
      description = "Port to listen on, 0 for any. Default: ${DEFAULT-VALUE}.")
  private int port;

  @Option(
      names = "--api-key",
      paramLabel = "KEY",
      description =
          "Bearer token that requests must carry; none by default. Better given as CALM_API_KEY in"
              + " the environment, where other users cannot see it.",
      defaultValue = "${env:CALM_API_KEY}")
  private @Nullable String apiKey;

  @Option(
      names = "--cors-origin",
      paramLabel = "ORIGIN",
      split = ",",
      description =
          "Origin of web pages that may use this server, e.g. http://localhost:3000, or * for all."
              + " Repeatable; none by default.")
  private final List<String> corsOrigins = new ArrayList<>();

  @Option(
      names = "--allowed-host",
      paramLabel = "NAME",
      split = ",",
      description =
          "Further host name to accept in requests to a server without an API key."
              + " Repeatable.")
  private final List<String> allowedHosts = new ArrayList<>();

  @Option(
      names = "--max-body-mb",
      paramLabel = "MIB",
      defaultValue = "8",
      description = "Maximum size of a request body, 1 to 1024 MiB. Default: ${DEFAULT-VALUE}.")
  private int maxBodyMb;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    ModelMixin.requireSettings(overrides);
    HostSettings settings = settings();
    List<ModelLoader.Order> orders = orders();
    warnOfOpenPort(settings);
    boolean page = ServerSettings.of(overrides, System.getenv()).page();
    ModelRegistry registry = new ModelRegistry();
    CalmMetrics metrics = ServerMetrics.create(registry);
    ModelLoads loads =
        new ModelLoads(registry, ServerMetrics.metered(loader(settings), metrics), this::swapped);
    RequestWorkers workers = new RequestWorkers();
    EmbeddedHost listening =
        EmbeddedHost.start(settings, handler(registry, metrics, loads, workers).withPage(page));
    listening.rehearse();
    try {
      CountDownLatch stopped = new CountDownLatch(1);
      GracefulExit.install(() -> drain(listening, registry, stopped));
      List<ServedModel> served = load(orders, registry, loads, listening);
      if (!registry.isStopping()) {
        announce(listening.address(), served, page);
      }
      stopped.await();
    } finally {
      registry.close();
      listening.close();
      workers.close();
    }
    return 0;
  }

  /** Returns a loader that rehearses requests over connections like those of the host. */
  private static ModelLoader.Loader loader(HostSettings settings) {
    HostSettings local = HostSettings.of("127.0.0.1", 0);
    HostSettings connections =
        settings.apiKey().isPresent() ? local.withApiKey(HttpRehearsal.API_KEY) : local;
    Rehearsal rehearsal =
        new HttpRehearsal(handler -> EmbeddedHost.connections(connections, handler));
    return (order, progress) -> ModelLoader.load(order, progress, rehearsal);
  }

  private HostSettings settings() {
    if (maxBodyMb < 1 || maxBodyMb > 1024) {
      throw new ArgumentException("--max-body-mb: expected 1 to 1024, got " + maxBodyMb);
    }
    Duration slowReader = slowReaderTimeout();
    try {
      return new HostSettings(
          host,
          port,
          Optional.ofNullable(apiKey),
          maxBodyMb << 20,
          HostSettings.DEFAULT_REQUEST_READ_TIMEOUT,
          HostSettings.DEFAULT_GRACE,
          slowReader,
          corsOrigins,
          allowedHosts);
    } catch (IllegalArgumentException e) { // an option is wrong
      throw new ArgumentException(e);
    }
  }

  /** Returns the settings for all models, which also apply to answers that belong to no model. */
  private Duration slowReaderTimeout() {
    return new ModelProperties(Path.of("."), overrides)
        .settings(System.getenv())
        .timeouts()
        .slowReader();
  }

  private static void warnOfOpenPort(HostSettings settings) {
    if (settings.isOpenToTheNetwork()) {
      logger.warn(
          "NO API KEY: anyone who can reach {}:{} can use these models. Models cannot"
              + " be registered or unregistered over HTTP. Set CALM_API_KEY or --api-key, or listen"
              + " on 127.0.0.1",
          settings.host(),
          settings.port());
    }
  }

  private List<ModelLoader.Order> orders() throws InterruptedException, IOException {
    Map<String, ModelLoader.Order> orders = new LinkedHashMap<>();
    for (Path path : models.isEmpty() ? List.of(ModelArgument.ofDefault()) : models) {
      ModelLoader.Order order = order(path, overrides);
      ModelLoader.Order before = orders.put(order.name(), order);
      if (before != null) {
        throw new ArgumentException(
            ("MODEL: %s and %s would both be called %s; serve one, and load the other with"
                    + " POST /models?model_name=...&url=...")
                .formatted(before.url(), order.url(), order.name()));
      }
    }
    return List.copyOf(orders.values());
  }

  private static ModelLoader.Order order(Path path, Map<String, String> winning)
      throws InterruptedException, IOException {
    ModelSource source = ModelArgument.resolve(path, new PrintWriter(System.err, true, UTF_8));
    return ModelMixin.read(source, winning).order();
  }

  private CalmHttpHandler handler(
      ModelRegistry registry, CalmMetrics metrics, ModelLoads loads, RequestWorkers workers) {
    return new CalmHttpHandler(
        registry,
        new TextService(metrics, InstantSource.system()),
        metrics,
        workers,
        new ModelManagement(registry, new LocalModels(System.getenv(), overrides), loads));
  }

  /** Loads the models. If one fails, the requests of the others may finish first. */
  private static List<ServedModel> load(
      List<ModelLoader.Order> orders,
      ModelRegistry registry,
      ModelLoads loads,
      EmbeddedHost listening)
      throws Exception {
    try {
      return StartupModels.load(orders, registry, loads);
    } catch (Exception e) {
      if (registry.isStopping()) {
        return List.of(); // the failure no longer matters, and it is in the log
      }
      listening.stopAccepting();
      registry.drain();
      throw e;
    }
  }

  /** Stops in order: refuses new connections, then new requests, and waits for those in flight. */
  private static void drain(EmbeddedHost listening, ModelRegistry registry, CountDownLatch stopped)
      throws InterruptedException {
    listening.stopAccepting();
    registry.drain();
    listening.close();
    stopped.countDown();
  }

  private void announce(InetSocketAddress address, List<ServedModel> served, boolean page) {
    String url = url(address);
    PrintWriter out = spec.commandLine().getOut();
    for (ServedModel model : served) {
      boolean chats = model.chatTemplate().isPresent();
      String body =
          chats
              ? "\"messages\": [{\"role\": \"user\","
                  + " \"content\": \"What is the capital of France?\"}],"
                  + " \"temperature\": 0, \"max_tokens\": 64"
              : "\"prompt\": \"The package manager\", \"max_tokens\": 32";
      out.printf(
          Locale.ROOT,
          "%s is ready at %s, %.1f s after the start, with variant %s. Try:%n%n"
              + "curl %s/v1/%s -H 'Content-Type: application/json'%s \\%n"
              + "  -d '{\"model\": \"%s\", %s}'%n",
          model.name(),
          url,
          (System.currentTimeMillis() - jvmStart()) / 1000.0,
          model.variant(),
          url,
          chats ? "chat/completions" : "completions",
          settings().apiKey().isPresent() ? " -H 'Authorization: Bearer KEY'" : "",
          model.name(),
          body);
    }
    if (page) {
      out.printf("%nWeb console: %s/calm%n", url);
    }
    out.flush();
  }

  /** Announces a model that replaced another one; on a thread of its own, as output may block. */
  private void swapped(ServedModel model) {
    new Thread(() -> announceSwap(model), "calm-announce-" + model.name()).start();
  }

  private void announceSwap(ServedModel model) {
    PrintWriter out = spec.commandLine().getOut();
    out.printf(
        Locale.ROOT,
        "%s: the search is done; variant %s answers new requests, %.1f s after the start.%n",
        model.name(),
        model.variant(),
        (System.currentTimeMillis() - jvmStart()) / 1000.0);
    out.flush();
  }

  /** Returns the URL for clients on this machine; IPv6 addresses have brackets (RFC 3986). */
  static String url(InetSocketAddress bound) {
    InetAddress address = bound.getAddress();
    String host =
        address.isAnyLocalAddress()
            ? "127.0.0.1"
            : address instanceof Inet6Address
                ? "[" + NetUtil.toAddressString(address) + "]"
                : bound.getHostString();
    return "http://%s:%d".formatted(host, bound.getPort());
  }

  private static long jvmStart() {
    return ManagementFactory.getRuntimeMXBean().getStartTime();
  }
}
