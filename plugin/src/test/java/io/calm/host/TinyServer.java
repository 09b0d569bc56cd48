package io.calm.host;

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
import io.calm.testing.HttpClients;
import io.calm.testing.Repository;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** An embedded host that has quantized models/calm-tiny-llama with RTN and answered a request. */
final class TinyServer implements AutoCloseable {
  private static final String MODEL = "calm-tiny-llama";

  private final ModelRegistry registry = new ModelRegistry();
  private final RequestWorkers workers = new RequestWorkers();
  private final EmbeddedHost host;

  private TinyServer(Path cache) throws Exception {
    CalmMetrics metrics = ServerMetrics.create(registry);
    ModelLoads loads = new ModelLoads(registry, ServerMetrics.metered(ModelLoader::load, metrics));
    LocalModels models =
        new LocalModels(
            Map.of(
                "OPTION_CALM_CACHE_DIR", cache.toString(),
                "OPTION_CALM_ALGORITHM", "rtn",
                "OPTION_CALM_LM_HEAD", "int8",
                "OPTION_CALM_KERNEL", "java",
                "OPTION_CALM_THREADS", "1",
                "OPTION_CALM_TOKENIZER_PROBE", "off"));
    host =
        EmbeddedHost.start(
            new HostSettingsBuilder().build(),
            new CalmHttpHandler(
                registry,
                new TextService(metrics, InstantSource.system()),
                metrics,
                workers,
                new ModelManagement(registry, models, loads)));
    ModelLoader.Order order =
        models.find(MODEL, Repository.path("models/" + MODEL).toString(), Map.of());
    loads.start(order, ModelLoads.OnFailure.KEEP, moment -> {}).get(2, TimeUnit.MINUTES);
    HttpClients.post(
        url() + "/v1/completions",
        "{\"model\": \"%s\", \"prompt\": \"The\", \"max_tokens\": 4}".formatted(MODEL));
  }

  static TinyServer start(Path cache) throws Exception {
    return new TinyServer(cache);
  }

  private String url() {
    return "http://127.0.0.1:" + host.address().getPort();
  }

  String scrape() throws Exception {
    return HttpClients.text(HttpClients.get(url() + "/calm/metrics"));
  }

  @Override
  public void close() {
    registry.close();
    host.close();
    workers.close();
  }
}
