package io.calm.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.model.RopeSpec;
import org.junit.jupiter.api.Test;

/** The expected values were printed by Hugging Face's formulas in PyTorch, float32. */
class RotaryTableTest {
  private static void assertClose(double[] expected, float[] actual) {
    assertEquals(expected.length, actual.length);
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], 2 * Math.ulp((float) expected[i]), "element " + i);
    }
  }

  private static float[] frequencies(float theta, int headDim, RopeSpec.Scaling scaling) {
    return RotaryTable.of(new RopeSpec(theta, scaling), headDim).inverseFrequencies();
  }

  private static float[] pick(float[] values, int... indices) {
    float[] picked = new float[indices.length];
    for (int i = 0; i < indices.length; i++) {
      picked[i] = values[indices[i]];
    }
    return picked;
  }

  @Test
  void plainFrequencies() {
    assertClose(
        new double[] {
          1,
          0.316227764,
          0.100000001,
          0.0316227786,
          0.00999999978,
          0.00316227786,
          0.00100000005,
          0.000316227786
        },
        frequencies(10000f, 16, new RopeSpec.None()));
    assertClose(
        new double[] {0.697830558, 0.0805842131, 1.43301268e-05},
        pick(frequencies(100000f, 64, new RopeSpec.None()), 1, 7, 31));
  }

  @Test
  void linearDividesAll() {
    assertClose(
        new double[] {
          0.25,
          0.079056941,
          0.0250000004,
          0.00790569466,
          0.00249999994,
          0.000790569466,
          0.000250000012,
          7.90569466e-05
        },
        frequencies(10000f, 16, new RopeSpec.Linear(4)));
  }

  @Test
  void llama3KeepsShortWavesAndDividesLongOnes() {
    assertClose(
        new double[] {
          1,
          0.0242403448,
          0.00470075384,
          0.000911583134,
          0.000176776681,
          3.42810235e-05,
          6.64786967e-06,
          1.28917316e-06
        },
        frequencies(500000f, 16, new RopeSpec.Llama3(8, 1, 4, 32)));
    assertClose(
        new double[] {
          1,
          0.0165604409,
          0.00137189368,
          0.000524846022,
          9.55621217e-05,
          3.42810235e-05,
          3.06892588e-07
        },
        pick(
            frequencies(500000f, 128, new RopeSpec.Llama3(8, 1, 4, 8192)),
            0,
            20,
            30,
            32,
            35,
            40,
            63));
  }

  @Test
  void yarnInterpolatesByParts() {
    assertClose(
        new double[] {
          1,
          0.115478203,
          0.00106436096,
          0.000450323569,
          4.44569851e-05,
          5.13381246e-06,
          3.10234441e-07
        },
        pick(
            frequencies(1000000f, 128, new RopeSpec.Yarn(4, 32, 1, 32768, 1, true)),
            0,
            10,
            30,
            33,
            40,
            50,
            63));
    assertClose(
        new double[] {
          1,
          0.301406473,
          0.0703986362,
          0.0143833589,
          0.00249999994,
          0.000790569466,
          0.000250000012,
          7.90569466e-05
        },
        frequencies(10000f, 16, new RopeSpec.Yarn(4, 32, 1, 512, 1, false)));
  }

  @Test
  void factorsDivideOneByOne() {
    float[] plain = frequencies(10000f, 4, new RopeSpec.None());
    assertArrayEquals(
        new float[] {plain[0] / 2, plain[1] / 8},
        frequencies(10000f, 4, new RopeSpec.Factors(new float[] {2, 8})));
    assertThrows(
        IllegalArgumentException.class,
        () -> frequencies(10000f, 4, new RopeSpec.Factors(new float[3])));
  }

  @Test
  void cosinesAndSinesOfAnglesInFloat32() {
    RotaryTable table = RotaryTable.of(new RopeSpec(100000f, new RopeSpec.None()), 64);
    float[] cosines = new float[40];
    float[] sines = new float[40];
    table.fill(777, cosines, sines, 8);
    assertClose(
        new double[] {-0.517718196, -0.285590678, 0.976349354, 0.999938011},
        pick(cosines, 8, 9, 15, 39));
    assertClose(
        new double[] {-0.855551183, 0.958351672, -0.216198802, 0.011134278},
        pick(sines, 8, 9, 15, 39));
    table.fill(8191, cosines, sines, 8);
    assertClose(
        new double[] {-0.646390498, -0.196372911, 0.945766449, 0.993119121},
        pick(cosines, 8, 9, 15, 39));
  }

  @Test
  void theAttentionFactorOfYarnMultipliesBoth() {
    RotaryTable table =
        RotaryTable.of(new RopeSpec(10000f, new RopeSpec.Yarn(4, 32, 1, 512, 1.5f, true)), 16);
    float[] cosines = new float[8];
    float[] sines = new float[8];
    table.fill(0, cosines, sines, 0);
    assertEquals(1.5f, cosines[0]);
    assertEquals(0f, sines[7]);
    table.fill(1, cosines, sines, 0);
    assertEquals((float) StrictMath.sin(1) * 1.5f, sines[0]);
  }
}
