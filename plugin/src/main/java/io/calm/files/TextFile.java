package io.calm.files;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads texts that are tokenized. */
public final class TextFile {
  private static final String BYTE_ORDER_MARK = "\ufeff";

  private TextFile() {}

  /** Returns whether a file's name says that it has a JSON text on each line. */
  public static boolean isJsonLines(Path file) {
    String name = String.valueOf(file.getFileName());
    return name.endsWith(".jsonl") || name.endsWith(".json");
  }

  /**
   * Returns a text in UTF-8 without a byte order mark and with line feeds as line ends, so that a
   * file from Windows has the same tokens as another one.
   *
   * @throws java.nio.charset.CharacterCodingException if the file is not UTF-8
   */
  public static String read(Path file) throws IOException {
    String text = Files.readString(file).replace("\r\n", "\n");
    return text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
  }
}
