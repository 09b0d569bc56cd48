package io.calm.checkpoint.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.gson.reflect.TypeToken;
import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.gguf.GgufFile;
import io.calm.checkpoint.template.ChatTemplateLoader;
import io.calm.testing.SmolLm2;
import java.io.IOException;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** The default model's own vocabulary and chat template, against transformers. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SmolLm2TokenizerTest {
  private final Map<String, Object> metadata = GgufFile.open(SmolLm2.fileOrSkip()).metadata();
  private final Tokenizer tokenizer = TokenizerLoader.fromGguf(metadata);
  private JsonObject expected = new JsonObject();

  @BeforeAll
  void read() throws IOException {
    String text = Files.readString(Goldens.path("smollm2/expected.json"));
    expected = JsonParser.parseString(text).getAsJsonObject();
  }

  @AfterAll
  void close() {
    tokenizer.close();
  }

  @Test
  void encodesAndDecodesAsTransformers() {
    assertEquals(117, expected.getAsJsonArray("encode").size());
    for (JsonElement element : expected.getAsJsonArray("encode")) {
      JsonObject one = element.getAsJsonObject();
      String text = one.get("text").getAsString();
      int[] ids = ids(one);
      assertArrayEquals(ids, tokenizer.encode(text, false), text);
      assertEquals(one.get("decoded").getAsString(), tokenizer.decode(ids, false));
    }
  }

  @Test
  void rendersChatsAsTransformers() {
    ChatTemplate template = ChatTemplateLoader.fromGguf(metadata).orElseThrow();
    Type messages = new TypeToken<List<Map<String, Object>>>() {}.getType();
    for (JsonElement element : expected.getAsJsonArray("chat")) {
      JsonObject one = element.getAsJsonObject();
      List<Map<String, Object>> conversation = new Gson().fromJson(one.get("messages"), messages);
      String text = template.render(conversation, one.get("add_generation_prompt").getAsBoolean());
      assertEquals(one.get("text").getAsString(), text);
      assertArrayEquals(ids(one), tokenizer.encode(text, false), text);
    }
  }

  @Test
  void bytesThatTheVocabularyLacksAreLeftOut() {
    assertEquals("ab", tokenizer.decode(tokenizer.encode("a\u0004b", false), false));
  }

  private static int[] ids(JsonObject one) {
    return new Gson().fromJson(one.get("ids"), int[].class);
  }
}
