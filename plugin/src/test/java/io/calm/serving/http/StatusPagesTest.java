package io.calm.serving.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.metrics.CalmMetrics;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ReplySink;
import io.calm.testing.ScriptedModels;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.prometheus.client.CollectorRegistry;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class StatusPagesTest {
  /** A sink that no answer may reach. */
  private static final ReplySink UNUSED =
      new ReplySink() {
        @Override
        public void full(int status, String contentType, Map<String, String> headers, byte[] body) {
          throw new AssertionError("status " + status);
        }

        @Override
        public void begin(String contentType, Map<String, String> headers) {
          throw new AssertionError("a stream");
        }

        @Override
        public void write(byte[] bytes) {
          throw new AssertionError("a piece");
        }

        @Override
        public void end() {
          throw new AssertionError("an end");
        }
      };

  private static ApiException probe(ModelRegistry registry) {
    QueryStringDecoder query = new QueryStringDecoder("/calm/models/m/latency");
    Route.Match match = Route.of(HttpMethod.POST, query.rawPath()).orElseThrow();
    CalmMetrics metrics = new CalmMetrics(new CollectorRegistry(), List::of);
    return assertThrows(
        ApiException.class, () -> StatusPages.answer(registry, metrics, match, query, "", UNUSED));
  }

  @Test
  void aProbeThatIsNotPossibleHasItsReasonAndARemedyThatFits() {
    try (ModelRegistry registry = new ModelRegistry()) {
      ServedModel model = ScriptedModels.create("m");
      registry.ready(model);
      ApiException off = probe(registry);
      assertEquals(ApiException.Kind.NO_BASELINE, off.kind());
      assertEquals(
          "model m cannot be compared: this model has no uniform twin; set calm.baseline=auto or"
              + " the name of an algorithm",
          off.getMessage());
      model.comparison().drain(); // as when the server stops
      ApiException unloading = probe(registry);
      assertEquals(ApiException.Kind.NOT_READY, unloading.kind());
      assertEquals(
          "model m cannot be compared: the model is being unloaded; load it again to compare it",
          unloading.getMessage());
    }
  }
}
