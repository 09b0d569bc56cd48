package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import io.calm.serving.djl.ModelKeys.Owner;
import java.util.Map;
import java.util.Properties;
import org.junit.jupiter.api.Test;

class ModelKeysTest {

  @Test
  void aModelIsOursByCalmEnabledAlone() {
    assertEquals(Owner.CALM, ModelKeys.owner(Map.of("calm.enabled", "true")));
    assertEquals(Owner.CALM, ModelKeys.owner(Map.of("option.calm_enabled", "true")));
    assertEquals(Owner.OTHER, ModelKeys.owner(Map.of("calm.enabled", "false", "calm.grup", "1")));
    assertEquals(Owner.OTHER, ModelKeys.owner(Map.of("option.model_id", "x")));
    assertEquals(Owner.OTHER_WITH_KEYS, ModelKeys.owner(Map.of("calm.group", "64")));
  }

  @Test
  void aMisspeltKeyOrValueIsOursToRefuseAtLoad() {
    assertEquals(Owner.CALM, ModelKeys.owner(Map.of("calm.enabled", "yes")));
    assertEquals(Owner.CALM, ModelKeys.owner(Map.of("calm.enable", "true")));
  }

  @Test
  void theBatchSizeThatLmiAddsLaterIsNotTheOperators() {
    Properties none = new Properties();
    ModelKeys.take(none, Map.of(), 8);
    assertEquals("32", none.getProperty("calm.max-running"));

    Properties operators = new Properties();
    operators.setProperty("option.max_rolling_batch_size", "32");
    ModelKeys.take(operators, Map.of(), 32);
    assertNull(operators.getProperty("calm.max-running"));

    Properties environments = new Properties();
    environments.setProperty("option.calm_max_running", "4");
    ModelKeys.take(environments, Map.of(), 4);
    assertNull(environments.getProperty("calm.max-running"));
  }

  @Test
  void takenModelsHaveTheirWorkersBatchSizeOneAndTheFilesKeys() {
    Properties live = new Properties();
    live.setProperty("engine", "Python");
    live.setProperty("cpu.maxWorkers", "4");
    live.setProperty("minWorkers", "8");
    live.setProperty("max_dynamic_batch_size", "8");
    live.setProperty("calm.group", "32");
    live.setProperty("option.anything", "the operator's");

    Map<String, String> overridden =
        ModelKeys.take(live, Map.of("calm.group", "64", "calm.enabled", "true"), 8);

    assertEquals(
        Map.of(
            "engine", "Python -> CALM",
            "cpu.maxWorkers", "4 -> 8",
            "max_dynamic_batch_size", "8 -> removed"),
        overridden);
    for (String key : new String[] {"", "cpu.", "gpu."}) {
      assertEquals("8", live.getProperty(key + "minWorkers"));
      assertEquals("8", live.getProperty(key + "maxWorkers"));
    }
    assertEquals("1", live.getProperty("batch_size"));
    assertNull(live.getProperty("max_dynamic_batch_size"));
    assertEquals("32", live.getProperty("calm.group"), "the live property wins over the file's");
    assertEquals("true", live.getProperty("calm.enabled"));
    assertEquals("the operator's", live.getProperty("option.anything"));
  }
}
