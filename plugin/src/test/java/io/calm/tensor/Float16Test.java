package io.calm.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class Float16Test {
  @Test
  void everyHalfSurvivesTheWayThroughFloat() {
    for (int bits = 0; bits < 0x10000; bits++) {
      short half = (short) bits;
      float value = Float16.toFloat(half);
      if ((bits & 0x7fff) > 0x7c00) {
        assertTrue(Float.isNaN(value), Integer.toHexString(bits));
      } else {
        assertEquals(half, Float16.fromFloat(value), Integer.toHexString(bits));
      }
    }
  }

  @Test
  void wideningIsTheDefinition() {
    for (int bits = 0; bits < 0x7c00; bits++) {
      int exponent = bits >> 10;
      int fraction = bits & 0x3ff;
      double expected =
          exponent == 0
              ? fraction * Math.pow(2, -24)
              : (1024 + fraction) * Math.pow(2, exponent - 25);
      assertEquals((float) expected, Float16.toFloat((short) bits));
      assertEquals((float) -expected, Float16.toFloat((short) (bits | 0x8000)));
    }
    assertEquals(Float.POSITIVE_INFINITY, Float16.toFloat((short) 0x7c00));
    assertEquals(Float.NEGATIVE_INFINITY, Float16.toFloat((short) 0xfc00));
  }

  @Test
  void narrowingTakesTheNearestAndTheEvenOfTwo() {
    for (int bits = 0; bits < 0x7bff; bits++) {
      float below = Float16.toFloat((short) bits);
      float above = Float16.toFloat((short) (bits + 1));
      float middle = (below + above) / 2; // exact: a half has 11 bits, a float 24
      int even = bits % 2 == 0 ? bits : bits + 1;
      assertEquals((short) even, Float16.fromFloat(middle), "tie above " + bits);
      assertEquals((short) bits, Float16.fromFloat(Math.nextDown(middle)), "below tie " + bits);
      assertEquals((short) (bits + 1), Float16.fromFloat(Math.nextUp(middle)), "above " + bits);
    }
  }

  @Test
  void extremes() {
    assertEquals((short) 0x7bff, Float16.fromFloat(65519.996f));
    assertEquals((short) 0x7c00, Float16.fromFloat(65520f));
    assertEquals((short) 0xfc00, Float16.fromFloat(Float.NEGATIVE_INFINITY));
    assertEquals((short) 0x8000, Float16.fromFloat(-0f));
    assertEquals((short) 0, Float16.fromFloat(Float.MIN_VALUE));
    assertTrue(Float.isNaN(Float16.round(Float.NaN)));
    assertEquals(Float16.MAX_VALUE, Float16.round(65504f));
  }
}
