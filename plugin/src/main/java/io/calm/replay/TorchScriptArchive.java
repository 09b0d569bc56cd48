package io.calm.replay;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Writes a TorchScript archive with one class without parameters. Numeric programs can thus be
 * readable text in the resources and run on DJL's PyTorch engine.
 *
 * <p>The format is that of {@code torch.jit.save}: a zip of stored entries, here {@code version},
 * an empty {@code constants.pkl}, one object of the class in {@code data.pkl}, and its methods in
 * {@code code/__torch__.py}.
 */
final class TorchScriptArchive {
  /** Protocol 2, an empty tuple, stop. */
  private static final byte[] EMPTY_TUPLE = {(byte) 0x80, 2, ')', '.'};

  private TorchScriptArchive() {}

  /** Returns the archive of class {@code name}, whose source is {@code code}. */
  static byte[] write(String name, String code) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      store(zip, name + "/version", "3\n".getBytes(StandardCharsets.US_ASCII));
      store(zip, name + "/constants.pkl", EMPTY_TUPLE);
      store(zip, name + "/data.pkl", object(name));
      store(zip, name + "/code/__torch__.py", code.getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  /** Pickles an instance of {@code __torch__.name} whose state is {@code {"training": False}}. */
  private static byte[] object(String name) {
    String pickle = "\u0080\u0002c__torch__\n" + name + "\n)\u0081}X\u0008\0\0\0training\u0089sb.";
    return pickle.getBytes(StandardCharsets.ISO_8859_1);
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
