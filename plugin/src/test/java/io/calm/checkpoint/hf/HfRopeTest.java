package io.calm.checkpoint.hf;

import static io.calm.checkpoint.Refused.assertRefused;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.model.RopeSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Keys of rotary embeddings beside each other, as transformers 5 resolves them. */
class HfRopeTest {
  private static final int CONTEXT = 4096;

  @TempDir private Path directory;

  private RopeSpec rope(String json) throws IOException {
    Path file = Files.writeString(directory.resolve("config.json"), json.replace('\'', '"'));
    return HfRope.read(ConfigFields.read(file), CONTEXT);
  }

  private static RopeSpec linear(float theta, float factor) {
    return new RopeSpec(theta, new RopeSpec.Linear(factor));
  }

  @Test
  void ropeScalingReplacesRopeParametersAsAWhole() throws IOException {
    String both =
        "{'rope_scaling': {'rope_type': 'linear', 'factor': 2},"
            + " 'rope_parameters': {'rope_type': 'default', 'rope_theta': 500000}%s}";
    assertEquals(linear(10000, 2), rope(both.formatted("")));
    assertEquals(linear(7000, 2), rope(both.formatted(", 'rope_theta': 7000")));
  }

  @Test
  void anEmptyRopeScalingIsNone() throws IOException {
    RopeSpec expected = linear(500000, 4);
    String parameters =
        "'rope_parameters': {'rope_type': 'linear', 'factor': 4, 'rope_theta': 500000}}";
    assertEquals(expected, rope("{'rope_scaling': {}, " + parameters));
    assertEquals(expected, rope("{'rope_scaling': null, " + parameters));
  }

  @Test
  void thetaInsideWinsOverThetaBeside() throws IOException {
    assertEquals(
        linear(5000, 2),
        rope(
            "{'rope_theta': 9000, 'rope_scaling': {'type': 'linear', 'factor': 2,"
                + " 'rope_theta': 5000}}"));
    assertEquals(
        new RopeSpec(9000, new RopeSpec.None()),
        rope("{'rope_theta': 9000, 'rope_parameters': {'rope_type': 'default'}}"));
  }

  @Test
  void ropeTypeWinsOverType() throws IOException {
    assertEquals(
        linear(10000, 2),
        rope("{'rope_scaling': {'type': 'dynamic', 'rope_type': 'linear', 'factor': 2}}"));
  }

  @Test
  void theTrainedContextBesideWinsAndTheWholeOneIsTheDefault() throws IOException {
    String scaling =
        "'rope_scaling': {'rope_type': 'llama3', 'factor': 8, 'low_freq_factor': 1,"
            + " 'high_freq_factor': 4%s}}";
    String original = "'original_max_position_embeddings': ";
    RopeSpec.Llama3 whole = new RopeSpec.Llama3(8, 1, 4, CONTEXT);
    assertEquals(whole, rope("{" + scaling.formatted("")).scaling());
    assertEquals(
        new RopeSpec.Llama3(8, 1, 4, 512),
        rope("{" + scaling.formatted(", " + original + 512)).scaling());
    assertEquals(
        new RopeSpec.Llama3(8, 1, 4, 1024),
        rope("{" + original + "1024, " + scaling.formatted(", " + original + 512)).scaling());
  }

  @Test
  void parametersForKindsOfBlocksAreRefused() {
    for (String key : new String[] {"full_attention", "sliding_attention", "anything"}) {
      assertRefused(
          () -> rope("{'rope_parameters': {'%s': {'rope_type': 'default'}}}".formatted(key)),
          "rope_parameters: key " + key,
          "one rotary embedding for all blocks");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "rope_theta       | {'rope_theta': 1e300}",
        "rope_theta       | {'rope_theta': -1}",
        "rope_theta       | {'rope_theta': 0.5}",
        "rope_theta       | {'rope_theta': 1, 'rope_scaling': {'type': 'yarn', 'factor': 2}}",
        "factor           | {'rope_scaling': {'type': 'linear', 'factor': 1e300}}",
        "factor           | {'rope_scaling': {'type': 'linear', 'factor': -2}}",
        "factor           | {'rope_scaling': {'type': 'yarn', 'factor': 0}}",
        "beta_fast        | {'rope_scaling': {'type': 'yarn', 'factor': 2, 'beta_fast': -32}}",
        "beta_slow        | {'rope_scaling': {'type': 'yarn', 'factor': 2, 'beta_slow': 1e300}}",
        "attention_factor | {'rope_scaling': {'type': 'yarn', 'factor': 2, 'attention_factor': -1}}",
        "attention_factor | {'rope_scaling': {'type': 'yarn', 'factor': 2, 'mscale': 1e300,"
            + " 'mscale_all_dim': 1}}",
        "original_max_position_embeddings | {'rope_scaling': {'type': 'yarn', 'factor': 2,"
            + " 'original_max_position_embeddings': 0}}",
      })
  void numbersThatMakeNoFiniteAngleAreRefusedByTheirKey(String key, String json) {
    assertRefused(() -> rope(json), "key " + key + ":");
  }
}
