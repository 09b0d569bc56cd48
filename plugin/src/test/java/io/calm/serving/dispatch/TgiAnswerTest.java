package io.calm.serving.dispatch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.http.ModelStates;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.Schema;
import io.calm.testing.ScriptedModels;
import io.prometheus.client.CollectorRegistry;
import java.time.InstantSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Answers with {@code option.tgi_compat}, as the client of Text Generation Inference reads them.
 */
class TgiAnswerTest {
  private final ModelRegistry registry = new ModelRegistry();
  private final TextService service =
      new TextService(
          new CalmMetrics(new CollectorRegistry(), () -> ModelStates.of(registry)),
          InstantSource.system());

  @AfterEach
  void close() {
    registry.close();
  }

  private JsonObject details(boolean tgiCompat, String parameters) {
    ServedModel model = ScriptedModels.builder("m").lmi(new LmiOptions(false, tgiCompat)).build();
    registry.ready(registry.loading("m", "/m"), model);
    JsonObject body =
        JsonParser.parseString(
                "{\"inputs\": \"say(x)|\", \"parameters\": {%s}}".formatted(parameters))
            .getAsJsonObject();
    JsonElement answer = CollectedReply.of(service, model, Schema.DJL, body).json();
    JsonObject one = (tgiCompat ? answer.getAsJsonArray().get(0) : answer).getAsJsonObject();
    return one.getAsJsonObject("details");
  }

  /** The key is required there. */
  @Test
  void detailsAlwaysHaveThePrefill() {
    assertEquals(0, details(true, "").getAsJsonArray("prefill").size());
  }

  @Test
  void thePrefillHasThePromptOnRequest() {
    JsonObject details = details(true, "\"decoder_input_details\": true");
    assertEquals(details.get("input_length").getAsInt(), details.getAsJsonArray("prefill").size());
  }

  @Test
  void otherDetailsHaveItOnRequestOnly() {
    assertFalse(details(false, "\"details\": true").has("prefill"));
  }
}
