package io.calm.serving.reply;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Budgets, charges to them, and what a parsed body is charged. */
class ByteBudgetTest {
  private static final long MAX = 1L << 30;

  private final ByteBudget budget = new ByteBudget(MAX);

  private long taken() {
    long low = 0;
    long high = budget.max();
    while (low < high) {
      long middle = (low + high + 1) / 2;
      if (budget.take(middle)) {
        budget.give(middle);
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return budget.max() - low;
  }

  @Test
  void aChargeIsGivenBackOnce() {
    ByteBudget.Charge one = budget.charge();
    ByteBudget.Charge other = budget.charge();
    assertTrue(one.grow(300));
    assertTrue(one.grow(200));
    assertTrue(other.grow(MAX - 600));
    assertFalse(one.grow(101), "beyond the budget");
    assertEquals(MAX - 100, taken());
    one.close();
    one.close();
    assertEquals(MAX - 600, taken());
    assertFalse(one.grow(1), "closed");
    other.close();
    assertEquals(0, taken());
  }

  @Test
  void aCeilingLeavesTheRestToOthers() {
    assertTrue(budget.take(100, 150));
    assertFalse(budget.take(51, 150));
    assertTrue(budget.take(50, 150));
    assertTrue(budget.take(MAX - 150));
    assertTrue(budget.isHalfTaken());
    budget.raise(2 * MAX);
    assertEquals(2 * MAX, budget.max());
    budget.raise(1);
    assertEquals(2 * MAX, budget.max());
  }

  /** A refusal once counted for an instant, and a smaller request beside it was refused too. */
  @Test
  void aRequestThatFitsIsTakenWhileALargerOneIsRefused() throws InterruptedException {
    AtomicBoolean ended = new AtomicBoolean();
    Thread larger =
        new Thread(
            () -> {
              while (!ended.get()) {
                assertFalse(budget.take(MAX + 1));
              }
            });
    larger.start();
    try {
      for (int i = 0; i < 2_000_000; i++) {
        assertTrue(budget.take(1));
        budget.give(1);
      }
    } finally {
      ended.set(true);
      larger.join();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{} | 1 | 0",
        "{\"a\":[1,2.5,null,{}]} | 7 | 1",
        "{\"prompt\":[1,2,3,4]} | 3 | 22",
        "{\"prompt\":[[1,2],[3]]} | 5 | 18",
        "{\"a\":\"0123456789\"} | 3 | 11",
        "{\"a\":\"é12345678\"} | 3 | 19",
        "{\"a\":\"\\n12345678\"} | 3 | 19",
      })
  void aParsedBodyIsChargedByItsValuesAndTexts(String body, int values, int bytes) {
    byte[] utf8 = body.getBytes(StandardCharsets.UTF_8);
    try (ByteBudget.Charge charge = budget.charge()) {
      JsonBody.parse(utf8, utf8.length, charge);
      assertEquals((long) values * BodyParser.VALUE_BYTES + bytes, taken());
    }
    assertEquals(0, taken());
  }

  @ParameterizedTest
  @CsvSource({"0, 100000", "'\"abcdefgh\"', 20000", "'\"\\u00e9\"', 20000"})
  void aBodyIsRefusedWhereTheBudgetEnds(String value, int count) {
    String body = "{\"a\":[" + (value + ",").repeat(count / 2) + value + "]}";
    byte[] utf8 = body.getBytes(StandardCharsets.UTF_8);
    assertTrue(budget.take(MAX - 1_000_000));
    try (ByteBudget.Charge charge = budget.charge()) {
      ApiException refusal =
          assertThrows(ApiException.class, () -> JsonBody.parse(utf8, utf8.length, charge));
      assertEquals(ApiException.Kind.QUEUE_FULL, refusal.kind());
      assertEquals(
          "body: expected at most 1073741824 bytes in the bodies of all requests in flight and their"
              + " values, got more; try again later",
          refusal.getMessage());
    }
    assertEquals(MAX - 1_000_000, taken());
  }
}
