package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SeriesTest {
  @Test
  void theMedianIsTheMiddleOrBetweenTheMiddleTwo() {
    assertEquals(3, new Series(List.of(9.0, 1.0, 3.0)).median());
    assertEquals(2.5, new Series(List.of(4.0, 1.0, 3.0, 2.0)).median());
    assertEquals(7, new Series(List.of(7.0)).median());
  }

  @Test
  void quotientsAreTakenRoundByRound() {
    Series drifting = new Series(List.of(10.0, 20.0, 40.0));
    Series half = new Series(List.of(5.0, 10.0, 20.0));
    assertEquals(List.of(2.0, 2.0, 2.0), drifting.over(half).samples());
    assertThrows(IllegalArgumentException.class, () -> drifting.over(new Series(List.of(1.0))));
  }

  @Test
  void measuresAreTakenInTurnsAndTheFirstRoundDoesNotCount() throws Exception {
    List<String> order = new ArrayList<>();
    Rounds rounds = new Rounds();
    for (String name : List.of("limit", "ours")) {
      rounds.add(
          name,
          () -> {
            order.add(name);
            return order.size();
          });
    }
    Rounds.Results results = rounds.run(2);
    assertEquals(List.of("limit", "ours", "limit", "ours", "limit", "ours"), order);
    assertEquals(List.of(3.0, 5.0), results.get("limit").samples());
    assertEquals(List.of(4.0, 6.0), results.get("ours").samples());
    assertThrows(IllegalArgumentException.class, () -> results.get("peer"));
    assertThrows(IllegalArgumentException.class, () -> rounds.add("ours", () -> 0));
  }
}
