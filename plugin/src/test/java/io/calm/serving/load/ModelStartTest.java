package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.calm.generate.SchedulerSettings;
import io.calm.model.ActivationMode;
import io.calm.runtime.Decoder;
import io.calm.runtime.JavaDecoder;
import io.calm.runtime.KvType;
import io.calm.runtime.RandomModels;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.ServedModel;
import io.calm.settings.CalmSettings;
import io.calm.testing.TinyLlama;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelStartTest {
  @Test
  void commandsOfItsReportNameTheCheckpointForAShell() {
    ModelLoader.Order order =
        new ModelLoader.Order(
            "m",
            "file:///data/my%20model",
            Path.of("/data/my model"),
            CalmSettings.of(Map.of(), Map.of()),
            LmiOptions.DEFAULT,
            true);
    assertEquals("'/data/my model'", order.argument());
    assertEquals("file:///data/my%20model", order.url());
  }

  @Test
  void aServedModelHasTheLimitsOfItsSettings(@TempDir Path cache) {
    Map<String, String> settings =
        Map.of(
            "calm.warm-up", "false",
            "calm.default-max-tokens", "11",
            "calm.request-timeout", "7",
            "calm.slow-reader-timeout", "13",
            "calm.drain-timeout", "17");
    try (ServedModel served = ModelLoader.load(TinyLlama.rounded(cache, settings), step -> {})) {
      assertEquals(
          new ServedModel.Limits(
              OptionalInt.of(11),
              Optional.of(Duration.ofSeconds(7)),
              Duration.ofSeconds(13),
              Duration.ofSeconds(17)),
          served.limits());
    }
  }

  @Test
  void aModelThatFellBackToTheCpuSpeculates() {
    SchedulerSettings device = new SchedulerSettings(64, 4, 2, 3, 8);
    try (Decoder cpu =
        new JavaDecoder(
            RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(1)),
            KvType.FLOAT16,
            1,
            1)) {
      CalmSettings pytorch = CalmSettings.of(Map.of("calm.backend", "pytorch"), Map.of());
      SchedulerSettings served = ModelStart.budgets(device, cpu, pytorch);
      assertNotEquals(0, served.speculatedTokens());
      assertEquals(device.speculating(served.speculatedTokens()), served);
      CalmSettings java = CalmSettings.of(Map.of("calm.backend", "java"), Map.of());
      assertSame(device, ModelStart.budgets(device, cpu, java));
    }
  }
}
