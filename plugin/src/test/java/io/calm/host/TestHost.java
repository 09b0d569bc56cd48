package io.calm.host;

import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.text;

import io.calm.metrics.CalmMetrics;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.http.ModelManagement;
import io.calm.serving.http.RequestWorkers;
import io.calm.serving.http.ServerMetrics;
import io.calm.serving.load.LocalModels;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.load.ModelLoads;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ByteBudget;
import io.calm.testing.Poll;
import io.calm.testing.ScriptedModels;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;

/** An embedded host with an empty registry on a free port of the loopback. */
final class TestHost implements AutoCloseable {
  private final ModelRegistry registry;
  private final RequestWorkers workers;
  private final Optional<EmbeddedHost> host;
  private final ByteBudget bodies;

  private TestHost(
      ModelRegistry registry,
      RequestWorkers workers,
      Optional<EmbeddedHost> host,
      ByteBudget bodies) {
    this.registry = registry;
    this.workers = workers;
    this.host = host;
    this.bodies = bodies;
  }

  /** Starts a host with default settings. */
  static TestHost start() throws Exception {
    return start(new HostSettingsBuilder().build());
  }

  static TestHost start(HostSettings settings) throws Exception {
    return start(settings, (order, progress) -> ScriptedModels.create(order.name()));
  }

  /** Returns a host whose models are registered over HTTP too, and loaded by {@code loader}. */
  static TestHost start(HostSettings settings, ModelLoader.Loader loader) throws Exception {
    ModelRegistry registry = new ModelRegistry();
    CalmMetrics metrics = ServerMetrics.create(registry);
    RequestWorkers workers = new RequestWorkers();
    TextService text = new TextService(metrics, InstantSource.system());
    ModelManagement management =
        new ModelManagement(
            registry,
            new LocalModels(Map.of()),
            new ModelLoads(registry, ServerMetrics.metered(loader, metrics)));
    CalmHttpHandler handler = new CalmHttpHandler(registry, text, metrics, workers, management);
    return new TestHost(
        registry, workers, Optional.of(EmbeddedHost.start(settings, handler)), handler.bodies());
  }

  static TestHost closed() {
    return new TestHost(
        new ModelRegistry(), new RequestWorkers(), Optional.empty(), new ByteBudget(0));
  }

  /** Serves a scripted model with default settings. */
  ServedModel serve(String name) {
    return serve(ScriptedModels.builder(name));
  }

  ServedModel serve(ScriptedModels.Builder builder) {
    ServedModel model = builder.build();
    registry.ready(model);
    return model;
  }

  ModelRegistry registry() {
    return registry;
  }

  /** Returns the budget of received and parsed bodies. */
  ByteBudget bodies() {
    return bodies;
  }

  /** Returns a figure of a model's load, e.g. {@code running}. */
  int load(String model, String key) throws Exception {
    return object(get(url() + "/calm/models/" + model)).getAsJsonObject("load").get(key).getAsInt();
  }

  void awaitLoad(String model, String key, int count) throws Exception {
    Poll.until(model + ": " + key + " is " + count, () -> load(model, key) == count);
  }

  /** Waits until the metrics contain a text. */
  void awaitMetrics(String expected) throws Exception {
    Poll.until(expected, () -> text(get(url() + "/calm/metrics")).contains(expected));
  }

  int port() {
    return host.orElseThrow().address().getPort();
  }

  String url() {
    return "http://127.0.0.1:" + port();
  }

  EmbeddedHost embedded() {
    return host.orElseThrow();
  }

  void closeHost() {
    host.ifPresent(EmbeddedHost::close);
  }

  @Override
  public void close() {
    registry.close();
    closeHost();
    workers.close();
  }
}
