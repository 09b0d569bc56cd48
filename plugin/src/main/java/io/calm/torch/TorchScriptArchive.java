package io.calm.torch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes a TorchScript archive with one class without parameters. Numeric programs can thus be
 * readable text in the resources and run on DJL's PyTorch engine. The class may have attributes of
 * the types {@code List[int]} and {@code List[Tensor]}, which are empty at first.
 *
 * <p>The format is that of {@code torch.jit.save}: a zip of stored entries, here {@code version},
 * an empty {@code constants.pkl}, one object of the class in {@code data.pkl}, and its methods in
 * {@code code/__torch__.py}.
 */
final class TorchScriptArchive {
  /** Protocol 2, an empty tuple, stop. */
  private static final byte[] EMPTY_TUPLE = {(byte) 0x80, 2, ')', '.'};

  private static final Pattern LISTS =
      Pattern.compile("^  (\\w+) : List\\[(int|Tensor)]$", Pattern.MULTILINE);

  private TorchScriptArchive() {}

  /** Returns the archive of class {@code name}, whose source is {@code code}. */
  static byte[] write(String name, String code) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      store(zip, name + "/version", "3\n".getBytes(StandardCharsets.US_ASCII));
      store(zip, name + "/constants.pkl", EMPTY_TUPLE);
      store(zip, name + "/data.pkl", object(name, code));
      store(zip, name + "/code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /**
   * Pickles an instance of {@code __torch__.name} whose state is an empty list for each list of the
   * class, and {@code "training": False}.
   */
  private static byte[] object(String name, String code) {
    StringBuilder pickle = new StringBuilder("\u0080\u0002c__torch__\n" + name + "\n)\u0081}(");
    Matcher lists = LISTS.matcher(code);
    while (lists.find()) {
      String builder = lists.group(2).equals("int") ? "build_intlist" : "build_tensorlist";
      pickle.append(text(lists.group(1)));
      pickle.append("ctorch.jit._pickle\n").append(builder).append("\n]\u0085R");
    }
    pickle.append(text("training")).append("\u0089ub.");
    return pickle.toString().getBytes(StandardCharsets.ISO_8859_1);
  }

  /** Returns the opcode of a string of less than 256 characters. */
  private static String text(String value) {
    return "X" + (char) value.length() + "\0\0\0" + value;
  }

  private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(content);
    ZipEntry entry = new ZipEntry(name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(content.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(content);
    zip.closeEntry();
  }
}
