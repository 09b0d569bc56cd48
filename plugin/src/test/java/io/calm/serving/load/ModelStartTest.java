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
import io.calm.settings.CalmSettings;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ModelStartTest {

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
