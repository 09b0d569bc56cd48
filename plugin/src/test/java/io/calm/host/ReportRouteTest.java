package io.calm.host;

import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.metrics.CalmMetrics;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.http.ModelManagement;
import io.calm.serving.http.ModelStates;
import io.calm.serving.load.LocalModels;
import io.calm.serving.load.ModelLoads;
import io.calm.serving.model.ModelRegistry;
import io.calm.testing.NettyLeaks;
import io.calm.testing.ScriptedModels;
import io.prometheus.client.CollectorRegistry;
import java.net.http.HttpResponse;
import java.time.InstantSource;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The report's route where there is no report, and the threads that it runs on. */
@ExtendWith(NettyLeaks.Check.class)
class ReportRouteTest {

  @Test
  void aModelThatLoadsHasNoReportYet() throws Exception {
    try (TestHost host = TestHost.start()) {
      host.registry().loading("slow", "file:/models/slow");
      HttpResponse<byte[]> answer = get(host.url() + "/calm/models/slow/report");
      assertEquals(503, answer.statusCode());
      assertTrue(text(answer).contains("GET /calm/models/slow shows its state"), text(answer));
    }
  }

  @Test
  void aReportIsNotMadeOnAnEventLoop() throws Exception {
    Executor full =
        task -> {
          throw new RejectedExecutionException("full");
        };
    ModelRegistry registry = new ModelRegistry();
    CalmMetrics metrics = new CalmMetrics(new CollectorRegistry(), () -> ModelStates.of(registry));
    TextService service = new TextService(metrics, InstantSource.system());
    ModelManagement management =
        new ModelManagement(
            registry,
            new LocalModels(Map.of()),
            new ModelLoads(registry, (order, progress) -> ScriptedModels.create(order.name())));
    CalmHttpHandler handler = new CalmHttpHandler(registry, service, metrics, full, management);
    try (EmbeddedHost host = EmbeddedHost.start(new HostSettingsBuilder().build(), handler)) {
      registry.ready(ScriptedModels.create("scripted"));
      String url = "http://127.0.0.1:" + host.address().getPort() + "/calm/models/scripted";
      assertEquals(200, get(url).statusCode());
      assertEquals(429, get(url + "/report").statusCode());
    } finally {
      registry.close();
    }
  }
}
