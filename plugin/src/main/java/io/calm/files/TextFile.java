package io.calm.files;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads texts that are tokenized. */
public final class TextFile {
  /** Maximum size of a text in MiB. It is held in the heap and tokenized as a whole. */
  public static final int MAX_MIB = 64;

  private static final int MAX_BYTES = MAX_MIB << 20;
  private static final String BYTE_ORDER_MARK = "\ufeff";

  private TextFile() {}

  /** Returns whether a file's name says that it has a JSON text on each line. */
  public static boolean isJsonLines(Path file) {
    String name = String.valueOf(file.getFileName());
    return name.endsWith(".jsonl") || name.endsWith(".json");
  }

  /**
   * Requires a file that a reader can finish: a regular one of at most {@value #MAX_MIB} MiB. A
   * missing file is accepted, which its reader reports.
   *
   * @param where the setting and the file, for the message
   * @throws IllegalArgumentException if it is another one; the message has the four parts
   */
  public static void requireRegular(String where, Path file) throws IOException {
    if (!Files.exists(file)) {
      return;
    }
    if (!Files.isRegularFile(file)) {
      throw new IllegalArgumentException(
          "%s: expected a regular file, got %s; give a file with text"
              .formatted(
                  where, Files.isDirectory(file) ? "a directory" : "a device, pipe or socket"));
    }
    long bytes = Files.size(file);
    if (bytes > MAX_BYTES) {
      throw tooLarge(where, "%d bytes".formatted(bytes));
    }
  }

  /**
   * Returns a text in UTF-8 without a byte order mark and with line feeds as line ends, so that a
   * file from Windows has the same tokens as another one.
   *
   * @throws java.nio.charset.CharacterCodingException if the file is not UTF-8
   * @throws IllegalArgumentException if it has more than {@value #MAX_MIB} MiB
   */
  public static String read(Path file) throws IOException {
    String text = utf8(file).replace("\r\n", "\n");
    return text.startsWith(BYTE_ORDER_MARK) ? text.substring(1) : text;
  }

  private static String utf8(Path file) throws IOException {
    if (Files.isRegularFile(file)) {
      requireRegular(file.toString(), file);
      return Files.readString(file); // with fewer copies
    }
    try (InputStream in = Files.newInputStream(file)) {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes(in, file.toString())))
          .toString();
    }
  }

  /**
   * Returns the rest of a stream, which need not end.
   *
   * @param where what the stream reads, for the message
   * @throws IllegalArgumentException if it has more than {@value #MAX_MIB} MiB
   */
  public static byte[] bytes(InputStream in, String where) throws IOException {
    byte[] bytes = in.readNBytes(MAX_BYTES + 1);
    if (bytes.length > MAX_BYTES) {
      throw tooLarge(where, "more");
    }
    return bytes;
  }

  private static IllegalArgumentException tooLarge(String where, String got) {
    return new IllegalArgumentException(
        "%s: expected a text of at most %d MiB, got %s; give a part of it"
            .formatted(where, MAX_MIB, got));
  }
}
