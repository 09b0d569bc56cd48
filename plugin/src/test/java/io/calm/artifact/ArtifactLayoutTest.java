package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.ActivationMode;
import io.calm.model.QuantizedModel;
import io.calm.tensor.TableFormat;
import io.calm.tensor.TokenTable;
import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** The estimate of an artifact's size against what is written. */
class ArtifactLayoutTest {
  private final Path cacheDir;

  ArtifactLayoutTest(@TempDir Path cacheDir) {
    this.cacheDir = cacheDir;
  }

  static Stream<Arguments> models() {
    TokenTable tied = ExampleModel.int8(1);
    return Stream.of(
        Arguments.of(ExampleModel.create(1, 1, tied, tied), TableFormat.INT8, Optional.empty()),
        Arguments.of(
            ExampleModel.create(1, 3, ExampleModel.int8(1), ExampleModel.float16(1)),
            TableFormat.INT8,
            Optional.of(TableFormat.FLOAT16)),
        Arguments.of(
            ExampleModel.create(1, 7, ExampleModel.int8(1), ExampleModel.int4(1)),
            TableFormat.INT8,
            Optional.of(TableFormat.INT4)),
        Arguments.of(
            ExampleModel.create(1, 2, ExampleModel.float32(1), ExampleModel.float32(1)),
            TableFormat.FLOAT32,
            Optional.of(TableFormat.FLOAT32)));
  }

  @Test
  void theReferencePageIsOfThisVersion() throws IOException {
    String page = Files.readString(Repository.path("docs/reference/artifact-format.md"));
    assertTrue(page.contains("This page describes version " + Manifest.FORMAT + " of the format"));
  }

  @ParameterizedTest
  @MethodSource("models")
  void dataFilesAreEstimatedToTheByte(
      QuantizedModel model, TableFormat embeddings, Optional<TableFormat> head) throws IOException {
    ArtifactLayout layout = new ArtifactLayout(64, embeddings, head);
    Path directory = ExampleModel.publish(new ArtifactStore(cacheDir), model).directory();
    assertEquals(
        Files.size(directory.resolve("blocks.bin")), layout.blocksBytes(model.spec()), "blocks");
    assertEquals(
        Files.size(directory.resolve("tables.bin")), layout.tablesBytes(model.spec()), "tables");
  }

  /** Counts what is written. */
  private static StoreFileSystem counting(AtomicLong bytes) {
    return new StoreFileSystem() {
      @Override
      public WritableByteChannel create(Path file) throws IOException {
        WritableByteChannel channel = StoreFileSystem.LOCAL.create(file);
        return new WritableByteChannel() {
          @Override
          public int write(ByteBuffer data) throws IOException {
            int count = channel.write(data);
            bytes.addAndGet(count);
            return count;
          }

          @Override
          public boolean isOpen() {
            return channel.isOpen();
          }

          @Override
          public void close() throws IOException {
            channel.close();
          }
        };
      }
    };
  }

  @Test
  void theSumCoversDraftsTablesPlanAndManifestAndLittleMore() throws IOException {
    QuantizedModel model = ExampleModel.create(1, 40, ExampleModel.int8(1), ExampleModel.int4(1));
    ArtifactLayout layout = new ArtifactLayout(64, TableFormat.INT8, Optional.of(TableFormat.INT4));
    AtomicLong written = new AtomicLong();
    ArtifactStore store = new ArtifactStore(cacheDir, counting(written));
    ArtifactStore.Claim claim =
        store.begin(ExampleModel.KEY, model.spec(), layout, 2).orElseThrow();
    try (ArtifactWriter writer = assertInstanceOf(ArtifactStore.Granted.class, claim).writer()) {
      writer.embeddings(model.embeddings());
      writer.head(model.head());
      ArtifactWriter.Draft mix = writer.draft("calm");
      ArtifactWriter.Draft uniform = writer.draft("uniform-gptq");
      for (int layer = 0; layer < 40; layer++) {
        mix.block(layer, model.blocks().get(layer));
        uniform.block(layer, model.blocks().get(layer));
      }
      writer.publish(ExampleModel.plan(40), mix, model.finalNorm(), ActivationMode.PER_TOKEN);
    }
    long estimate = layout.bytes(model.spec(), 2);
    assertTrue(written.get() <= estimate, () -> written + " bytes, estimated " + estimate);
    long slack = 64 * 1024 + 40 * 16 * 1024;
    assertTrue(estimate <= written.get() + slack, () -> written + " bytes, estimated " + estimate);
  }

  @Test
  void aDiskIsRefusedFromOneByteTooFewOn() throws IOException {
    QuantizedModel model = ExampleModel.create(1);
    long estimate = ExampleModel.LAYOUT.bytes(model.spec(), 1);
    for (long usable : new long[] {estimate - 1, estimate}) {
      StoreFileSystem disk =
          new StoreFileSystem() {
            @Override
            public long usableSpace(Path directory) {
              return usable;
            }
          };
      ArtifactStore store = new ArtifactStore(cacheDir, disk);
      if (usable < estimate) {
        assertThrows(ArtifactException.class, () -> ExampleModel.publish(store, model));
      } else {
        ExampleModel.publish(store, model);
      }
    }
  }
}
