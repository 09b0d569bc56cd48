package io.calm.host;

import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Tokenizer;
import io.calm.serving.model.ServedModel;
import io.calm.testing.ByteTokenizer;
import io.calm.testing.NettyLeaks;
import io.calm.testing.ScriptedModels;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A tokenizer with a token that the model has no embeddings for. */
@ExtendWith(NettyLeaks.Check.class)
class TokensBeyondRowsTest {
  private TestHost host = TestHost.closed();

  @BeforeEach
  void start() throws Exception {
    host = TestHost.start();
    ServedModel model = ScriptedModels.create("m");
    host.registry().ready(model.withParts(model.parts().withTokenizer(new PaddedTokenizer())));
  }

  @AfterEach
  void stop() {
    host.close();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/v1/completions | {\"prompt\": \"a<pad>b\"} | prompt",
        "/v1/completions | {\"prompt\": [\"a\", \"<pad>\"]} | prompt[1]",
        "/v1/chat/completions"
            + "| {\"messages\": [{\"role\": \"user\", \"content\": \"a <pad>\"}]} | messages",
        "/predictions/m | {\"inputs\": \"<pad>\"} | inputs",
        "/predictions/m" + "| {\"inputs\": \"x<pad>\", \"parameters\": {\"truncate\": 1}} | inputs",
      })
  void aTextWithItIsTheClientsError(String path, String body, String key) throws Exception {
    HttpResponse<byte[]> response = post(host.url() + path, body);
    assertEquals(400, response.statusCode(), () -> text(response));
    String message =
        key
            + ": expected tokens below 258, which is how many the model has embeddings for, got"
            + " the token \"<pad>\" with the id 258; leave it out of the text";
    assertTrue(
        object(response).get("error").toString().contains(message.replace("\"", "\\\"")),
        () -> text(response));
  }

  @Test
  void aTextWhoseTruncatedPartHasItIsSound() throws Exception {
    HttpResponse<byte[]> response =
        post(
            host.url() + "/predictions/m",
            "{\"inputs\": \"<pad>say(x)|\", \"parameters\": {\"truncate\": 7}}");
    assertEquals(200, response.statusCode(), () -> text(response));
    assertEquals("x", object(response).get("generated_text").getAsString());
  }

  /** Bytes, and a token beside them that is matched in the text. */
  private static final class PaddedTokenizer implements Tokenizer {
    private static final String PAD = "<pad>";

    private final ByteTokenizer bytes = new ByteTokenizer();

    @Override
    public int[] encode(String text, boolean addSpecial) {
      int at = text.indexOf(PAD);
      if (at < 0) {
        return bytes.encode(text, addSpecial);
      }
      int[] start = bytes.encode(text.substring(0, at), addSpecial);
      int[] rest = encode(text.substring(at + PAD.length()), false);
      return IntStream.concat(
              Arrays.stream(start),
              IntStream.concat(IntStream.of(ByteTokenizer.SIZE), Arrays.stream(rest)))
          .toArray();
    }

    @Override
    public String decode(int[] ids, boolean skipSpecial) {
      return bytes.decode(ids, skipSpecial);
    }

    @Override
    public String token(int id) {
      return id == ByteTokenizer.SIZE ? PAD : bytes.token(id);
    }

    @Override
    public byte[] bytes(int id) {
      return id == ByteTokenizer.SIZE ? PAD.getBytes(StandardCharsets.UTF_8) : bytes.bytes(id);
    }

    @Override
    public boolean isSpecial(int id) {
      return bytes.isSpecial(id);
    }

    @Override
    public int size() {
      return ByteTokenizer.SIZE + 1;
    }

    @Override
    public IncrementalDecoder newIncrementalDecoder(boolean skipSpecial) {
      return bytes.newIncrementalDecoder(skipSpecial);
    }

    @Override
    public void close() {
      // nothing to free
    }
  }
}
