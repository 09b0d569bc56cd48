package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.calm.kernels.BuildInfo;
import io.calm.kernels.MachineInfo;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import io.calm.search.QuantPlan;
import io.calm.tensor.TableFormat;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

final class JsonTest {

  @Test
  void aPlanComesBackToTheLastBit() {
    QuantPlan plan = ExampleModel.plan(3);
    String json = PlanJson.write(plan);
    assertEquals(plan, PlanJson.read(json));
    assertEquals(json, PlanJson.write(PlanJson.read(json)));
  }

  @Test
  void aPlanWithoutGuardComesBack() {
    QuantPlan p = ExampleModel.plan(1);
    QuantPlan plan =
        new QuantPlan(
            p.blocks(),
            p.pool(),
            p.served(),
            p.reason(),
            p.group(),
            p.metric(),
            p.evaluations(),
            p.collectionForwards(),
            p.guardForwards(),
            p.sinkRows(),
            p.scoredRows(),
            Optional.empty(),
            QuantPlan.Head.given(TableFormat.INT8, "as set"),
            p.calibration(),
            p.seconds(),
            Optional.empty());
    assertEquals(plan, PlanJson.read(PlanJson.write(plan)));
  }

  @Test
  void aPlanIsPlainJsonThatOtherToolsRead() {
    String json = PlanJson.write(ExampleModel.plan(1));
    assertTrue(json.contains("\"score\": \"NaN\""), json);
    assertTrue(json.contains("\"failure\": null"), json);
    assertTrue(json.contains("[1,2,3]"), json);
    assertEquals(64, JsonParser.parseString(json).getAsJsonObject().get("group").getAsInt());
  }

  @Test
  void aPlanOfAVersionWithoutPartsReads() {
    QuantPlan plan = ExampleModel.plan(1);
    String json = PlanJson.write(plan);
    String old = json.replaceFirst(",\\s*\"parts\": null", "");
    assertNotEquals(json, old);
    assertEquals(plan, PlanJson.read(old));
  }

  @Test
  void aPlanComesBackWithWhatMadeIt() {
    QuantPlan.MadeBy maker =
        new QuantPlan.MadeBy(
            new BuildInfo("1.2.3", Optional.of("ab".repeat(20))),
            new MachineInfo("a processor", 2, "avx2", "Linux", "amd64", 1L << 34, "a JVM"));
    QuantPlan plan = ExampleModel.plan(1).withMadeBy(maker);
    assertEquals(plan, PlanJson.read(PlanJson.write(plan)));
    assertEquals(Optional.of(maker), plan.withHead(plan.head()).madeBy());
    assertEquals(Optional.of(maker), plan.ofUniform("rtn", "as set").madeBy());
  }

  @Test
  void aPlanOfAVersionThatDidNotSayWhatMadeItReads() {
    QuantPlan plan = ExampleModel.plan(1);
    String json = PlanJson.write(plan);
    String old = json.replaceFirst(",\\s*\"madeBy\": null", "");
    assertNotEquals(json, old);
    assertEquals(plan, PlanJson.read(old));
  }

  @Test
  void aPlanWithoutAFieldIsRefused() {
    String json = PlanJson.write(ExampleModel.plan(1));
    for (String field : List.of("served", "group", "mixKl", "algorithm", "relativeMse", "seed")) {
      String without = json.replace("\"" + field + "\":", "\"" + field + "2\":");
      JsonParseException refused =
          assertThrows(JsonParseException.class, () -> PlanJson.read(without));
      assertTrue(String.valueOf(refused.getMessage()).contains("\"" + field + "\""));
    }
    assertThrows(JsonParseException.class, () -> PlanJson.read(""));
    assertThrows(JsonParseException.class, () -> PlanJson.read("null"));
    assertThrows(JsonParseException.class, () -> PlanJson.read("[]"));
    assertThrows(JsonParseException.class, () -> PlanJson.read(json.substring(0, 99)));
  }

  static List<RopeSpec.Scaling> scalings() {
    return List.of(
        new RopeSpec.None(),
        new RopeSpec.Linear(4),
        new RopeSpec.Llama3(32, 1, 4, 8192),
        new RopeSpec.Yarn(4, 32, 1, 32768, 1.1386294f, true),
        new RopeSpec.Factors(new float[] {1, 1.5f, 1 / 3f}));
  }

  @ParameterizedTest
  @MethodSource("scalings")
  void aSpecComesBackWithEveryScaling(RopeSpec.Scaling scaling) {
    ModelSpec s = ExampleModel.spec(2);
    ModelSpec spec =
        new ModelSpec(
            s.architecture(),
            s.hidden(),
            s.layers(),
            s.heads(),
            s.kvHeads(),
            s.headDim(),
            s.intermediate(),
            s.vocabulary(),
            s.maxContext(),
            s.rmsEpsilon(),
            new RopeSpec(1e6f, scaling),
            s.tiedEmbeddings(),
            s.biases(),
            s.headNorms(),
            s.windows());
    ModelSpec back = Json.read(Json.write(spec), ModelSpec.class);
    if (scaling instanceof RopeSpec.Factors factors) {
      RopeSpec.Factors got = assertInstanceOf(RopeSpec.Factors.class, back.rope().scaling());
      assertArrayEquals(factors.divisors(), got.divisors());
    } else {
      assertEquals(spec, back);
    }
  }
}
