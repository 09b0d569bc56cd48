package io.calm.cli.terminal;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ExportLineTest {

  private static String shown(int columns) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    PrintStream err = new PrintStream(bytes, true, StandardCharsets.UTF_8);
    try (ExportLine line = ExportLine.open(err, columns)) {
      line.at("embeddings", 0, 1);
      line.at("block", 0, 2);
      line.at("block", 1, 2);
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  @Test
  void everyStepIsALineWithoutATerminal() {
    assertEquals(
        "exporting embeddings%nexporting block 1/2%nexporting block 2/2%n".formatted(), shown(0));
  }

  @Test
  void aTerminalHasOneLineThatIsRemoved() {
    String erase = "\r\033[K";
    assertEquals(
        "exporting embeddings"
            + erase
            + "exporting block 1/2"
            + erase
            + "exporting block 2/2"
            + erase,
        shown(80));
  }
}
