package io.calm.serving.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.metrics.CalmMetrics;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.PreparedReply;
import io.calm.serving.reply.ReplySink;
import io.calm.testing.NettyLeaks;
import io.calm.testing.ScriptedModels;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.prometheus.client.CollectorRegistry;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NettyLeaks.Check.class)
class StatusPagesTest {
  /** A sink that keeps a whole answer and accepts no stream. */
  private static final class Sink implements ReplySink {
    private String answer = "";

    @Override
    public void full(int status, String contentType, Map<String, String> headers, byte[] body) {
      answer = status + " " + new String(body, StandardCharsets.UTF_8).strip();
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
  }

  private static void answer(
      ModelRegistry registry, Admission admission, HttpMethod method, String path, ReplySink sink) {
    QueryStringDecoder query = new QueryStringDecoder(path);
    Route.Match match = Route.of(method, query.rawPath()).orElseThrow();
    CalmMetrics metrics = new CalmMetrics(new CollectorRegistry(), List::of);
    StatusPages.answer(registry, metrics, admission, match, query, "", sink);
  }

  private static ApiException probe(ModelRegistry registry) {
    Sink unused = new Sink();
    ApiException refusal =
        assertThrows(
            ApiException.class,
            () ->
                answer(
                    registry,
                    Admission.AT_ONCE,
                    HttpMethod.POST,
                    "/calm/models/m/latency",
                    unused));
    assertEquals("", unused.answer);
    return refusal;
  }

  private static String ready(ModelRegistry registry, boolean open) {
    Admission admission =
        new Admission() {
          @Override
          public PreparedReply.Running start(PreparedReply reply, ReplySink sink) {
            throw new AssertionError("a request");
          }

          @Override
          public boolean isOpen(String model) {
            return open;
          }
        };
    Sink sink = new Sink();
    answer(registry, admission, HttpMethod.GET, "/calm/ready", sink);
    return sink.answer;
  }

  /** DJL Serving starts the workers of a model after it is loaded. */
  @Test
  void aLoadedModelThatTakesNoRequestsYetIsStarting() {
    try (ModelRegistry registry = new ModelRegistry()) {
      registry.ready(ScriptedModels.create("m"));
      assertEquals("503 {\"ready\":false,\"models\":{\"m\":\"starting\"}}", ready(registry, false));
      assertEquals("200 {\"ready\":true,\"models\":{\"m\":\"ready\"}}", ready(registry, true));
      registry.failed(registry.loading("broken", "file:/broken"), "broken", "file:/broken", "why");
      assertEquals(
          "503 {\"ready\":false,\"models\":{\"broken\":\"failed\",\"m\":\"ready\"}}",
          ready(registry, true));
    }
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
