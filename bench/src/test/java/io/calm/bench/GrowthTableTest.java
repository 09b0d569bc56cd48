package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.bench.GrowthTable.Cell;
import io.calm.bench.StepWork.Seconds;
import java.util.List;
import org.junit.jupiter.api.Test;

class GrowthTableTest {
  private static Cell cell(String name, double measured) {
    return new Cell(name, 8, measured, new Seconds(3, 1));
  }

  @Test
  void aCellHasItsRateAndItsPartOfThePrediction() {
    Cell cell = cell("512x8", 5);
    assertEquals(1.6, cell.rate());
    assertEquals(0.8, cell.ratio());
    assertEquals(0.6, cell.overlapped());
  }

  @Test
  void aValueFarBelowTheMedianIsNamed() {
    GrowthTable table = new GrowthTable();
    assertTrue(table.isEmpty());
    table.add(cell("512x1", 5));
    table.add(cell("512x2", 8));
    table.add(cell("512x4", 4));
    assertEquals(List.of("512x2"), table.low().stream().map(Cell::name).toList());
    assertEquals(
        List.of(
            "measured / predicted: 0.80 (0.50 to 1.00); if reading and computing overlapped: 0.60"
                + " (0.38 to 0.75)",
            "below 0.8 of the median: 512x2 (0.50)"),
        table.summary());
  }

  @Test
  void nothingIsNamedWhereAllValuesAreAlike() {
    GrowthTable table = new GrowthTable();
    table.add(cell("512x1", 5));
    table.add(cell("512x2", 5.5));
    assertEquals(List.of(), table.low());
    assertEquals("every value is above 0.8 of the median", table.summary().get(1));
  }
}
