package io.calm.settings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The part of the settings that is in the key of an artifact. */
class ResultKeyTest {
  @Test
  void resultKeyHoldsTheKeysThatChangeTheResultAndNoOthers() {
    String expected =
        SettingKeys.all().values().stream()
            .filter(key -> key.effect() == SettingKey.Effect.RESULT)
            .map(SettingKey::name)
            .collect(Collectors.joining("\n"));
    String resultKey = CalmSettings.of(Map.of(), Map.of()).quantization().resultKey();

    assertEquals(
        expected,
        resultKey
            .lines()
            .map(l -> l.substring(0, l.indexOf('=')))
            .collect(Collectors.joining("\n")));
  }

  @Test
  void resultKeyNeverChangesForTheSameSettings() {
    assertEquals(
        """
        calm.group=auto
        calm.activation=per-group
        calm.algorithm=search
        calm.pool=auto
        calm.search.metric=cka-normalized
        calm.search.granularity=block
        calm.search.reference=auto
        calm.search.sink-threshold=20.0
        calm.search.guard=true
        calm.calibration=self
        calm.search.effort=default
        calm.calibration.samples=128
        calm.calibration.length=64
        calm.calibration.seed=0
        calm.lm-head=auto""",
        CalmSettings.of(Map.of(), Map.of()).quantization().resultKey());
    Map<String, String> given = new TreeMap<>();
    given.put("calm.group", "64");
    given.put("calm.activation", "per-token");
    given.put("calm.algorithm", "AWQ+gptq");
    given.put("calm.pool", "rtn, gptq,awq");
    given.put("calm.search.metric", "relative-mse");
    given.put("calm.search.granularity", "half");
    given.put("calm.search.reference", "quantized");
    given.put("calm.search.sink-threshold", "1e3");
    given.put("calm.search.guard", "false");
    given.put("calm.calibration", "/texts/calibration.txt");
    given.put("calm.calibration.samples", "1");
    given.put("calm.calibration.length", "32768");
    given.put("calm.calibration.seed", "-7");
    given.put("calm.lm-head", "float16");
    assertEquals(
        """
        calm.group=64
        calm.activation=per-token
        calm.algorithm=awq+gptq
        calm.pool=rtn,gptq,awq
        calm.search.metric=relative-mse
        calm.search.granularity=half
        calm.search.reference=quantized
        calm.search.sink-threshold=1000.0
        calm.search.guard=false
        calm.calibration=file
        calm.search.effort=default
        calm.calibration.samples=1
        calm.calibration.length=32768
        calm.calibration.seed=-7
        calm.lm-head=float16""",
        CalmSettings.of(given, Map.of()).quantization().resultKey());
  }

  private static String keyOf(String... keysAndValues) {
    Map<String, String> given = new TreeMap<>();
    for (int i = 0; i < keysAndValues.length; i += 2) {
      given.put(keysAndValues[i], keysAndValues[i + 1]);
    }
    return CalmSettings.of(given, Map.of()).quantization().resultKey();
  }

  @Test
  void resultKeyTellsHowACalibrationFileIsRead() {
    String text = keyOf("calm.calibration", "/a/tickets.txt");
    String lines = keyOf("calm.calibration", "/a/tickets.jsonl");
    assertTrue(text.contains("\ncalm.calibration=file\n"), text);
    assertTrue(lines.contains("\ncalm.calibration=json-lines\n"), lines);
    assertEquals(lines, keyOf("calm.calibration", "/b/other.json"));
  }

  @Test
  void resultKeyTellsWhetherACalibrationFileMayHaveFewerSequences() {
    String upTo = keyOf("calm.calibration", "/a/text");
    String given = keyOf("calm.calibration", "/a/text", "calm.calibration.samples", "128");
    assertTrue(upTo.contains("\ncalm.calibration.samples=up-to-128\n"), upTo);
    assertTrue(given.contains("\ncalm.calibration.samples=128\n"), given);
    assertEquals(keyOf(), keyOf("calm.calibration.samples", "128"));
  }

  @Test
  void resultKeyDoesNotDependOnHowAValueIsWrittenOrWhereACalibrationFileLies() {
    assertEquals(
        CalmSettings.of(
                Map.of("calm.search.sink-threshold", "20.0", "calm.calibration", "/a/text"),
                Map.of())
            .quantization()
            .resultKey(),
        CalmSettings.of(
                Map.of("calm.threads", "2", "calm.calibration", "/b/text", "calm.group", "AUTO"),
                Map.of())
            .quantization()
            .resultKey());
  }
}
