package io.calm.cli;

import io.calm.cli.terminal.ProgressBar;
import io.calm.host.EmbeddedHost;
import io.calm.host.HostSettings;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.LoadProgress;
import io.calm.serving.ModelRegistry;
import io.calm.serving.ServedModel;
import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.http.ModelStates;
import io.calm.serving.http.RequestWorkers;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.text.TextService;
import io.prometheus.client.CollectorRegistry;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import java.time.InstantSource;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code calm serve}: quantizes a model if need be, and answers requests over HTTP. */
@Command(
    name = "serve",
    description =
        "Serves a model over HTTP, after a search where it has not been quantized before.")
final class ServeCommand implements Callable<Integer> {
  @Mixin private ModelMixin model;

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
      paramLabel = "TOKEN",
      description =
          "Bearer token that requests must carry; none by default. Better given as CALM_API_KEY in"
              + " the environment, where other users cannot see it.",
      defaultValue = "${env:CALM_API_KEY}")
  private @Nullable String apiKey;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    ModelMixin.Resolved resolved = model.resolve();
    HostSettings settings =
        new HostSettings(
            host,
            port,
            Optional.ofNullable(apiKey).filter(key -> !key.isEmpty()),
            HostSettings.DEFAULT_MAX_BODY_BYTES,
            HostSettings.DEFAULT_GRACE);
    CountDownLatch stopped = new CountDownLatch(1);
    AtomicBoolean ready = new AtomicBoolean();
    CountDownLatch drained = stopOnSignal(stopped, ready);
    ExecutorService workers = RequestWorkers.create();
    // The host closes first: it waits for the requests under way, which need the models.
    try (ModelRegistry registry = new ModelRegistry();
        EmbeddedHost listening = EmbeddedHost.start(settings, handler(registry, workers))) {
      LoadProgress progress = registry.loading(resolved.name(), resolved.checkpoint().toString());
      ServedModel served = load(resolved, progress);
      registry.ready(served);
      ready.set(true);
      announce(listening.address(), served);
      stopped.await();
    } finally {
      workers.shutdown();
      drained.countDown();
    }
    return 0;
  }

  private static CalmHttpHandler handler(ModelRegistry registry, ExecutorService workers) {
    CalmMetrics metrics = new CalmMetrics(new CollectorRegistry(), () -> ModelStates.of(registry));
    return new CalmHttpHandler(
        registry, new TextService(metrics, InstantSource.system()), metrics, workers);
  }

  private static ServedModel load(ModelMixin.Resolved resolved, LoadProgress progress) {
    try (ProgressBar bar = ProgressBar.open()) {
      return ModelLoader.load(
          resolved.name(),
          resolved.checkpoint().toString(),
          resolved.checkpoint(),
          resolved.settings(),
          resolved.lmi(),
          progress.andThen(bar));
    }
  }

  /** Ends the wait at SIGTERM or SIGINT, and holds the JVM until requests under way are done. */
  private static CountDownLatch stopOnSignal(CountDownLatch stopped, AtomicBoolean ready) {
    CountDownLatch drained = new CountDownLatch(1);
    Runtime.getRuntime()
        .addShutdownHook(
            new Thread(
                () -> {
                  stopped.countDown();
                  if (!ready.get()) {
                    return; // a search may be cut off anywhere: nothing is published yet
                  }
                  try {
                    drained.await();
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                },
                "calm-shutdown"));
    return drained;
  }

  private void announce(InetSocketAddress address, ServedModel served) {
    String host = address.getAddress().isAnyLocalAddress() ? "127.0.0.1" : address.getHostString();
    String url = "http://%s:%d".formatted(host, address.getPort());
    boolean chats = served.chatTemplate().isPresent();
    String body =
        chats
            ? "\"messages\": [{\"role\": \"user\", \"content\": \"What is the capital of France?\"}]"
            : "\"prompt\": \"The package manager\", \"max_tokens\": 32";
    PrintWriter out = spec.commandLine().getOut();
    out.printf(
        Locale.ROOT,
        "%s is ready at %s, %.1f s after the start. Try:%n%n"
            + "curl %s/v1/%s -H 'Content-Type: application/json' \\%n"
            + "  -d '{\"model\": \"%s\", %s}'%n",
        served.name(),
        url,
        (System.currentTimeMillis() - jvmStart()) / 1000.0,
        url,
        chats ? "chat/completions" : "completions",
        served.name(),
        body);
    out.flush();
  }

  private static long jvmStart() {
    return ManagementFactory.getRuntimeMXBean().getStartTime();
  }
}
