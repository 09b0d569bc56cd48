package io.calm.serving.openai;

import io.calm.checkpoint.ChatTemplate;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.Prompt;
import io.calm.serving.reply.Prompts;
import io.calm.serving.reply.RequestFields;
import java.util.List;
import java.util.Map;

/**
 * Renders messages through the model's own chat template. The template writes BOS itself if the
 * model expects one, so the tokenizer adds none unless {@code add_special_tokens} asks for it.
 */
final class ChatPrompt {
  private ChatPrompt() {}

  static Prompt render(ServedModel model, RequestFields fields) {
    ChatTemplate template =
        model
            .chatTemplate()
            .orElseThrow(
                () ->
                    ApiException.invalid(
                        "messages",
                        "model %s has no chat template; use /v1/completions with a prompt"
                            .formatted(model.name())));
    List<Map<String, Object>> messages =
        ChatMessages.read(fields, model.scheduler().settings().maxContext());
    Prompts.requireLength(model, "messages", ChatMessages.length(messages));
    boolean generation = fields.flag("add_generation_prompt", true);
    boolean continued = fields.flag("continue_final_message", false);
    if (generation && continued) {
      throw ApiException.invalid(
          "continue_final_message", "expected add_generation_prompt: false beside it, got true");
    }
    Map<String, Object> variables =
        fields
            .object("chat_template_kwargs")
            .map(given -> ChatMessages.plain(given.json()))
            .orElse(Map.of());
    String text;
    try {
      text = template.render(messages, generation, variables);
    } catch (IllegalArgumentException e) {
      throw ApiException.invalid(
          "messages", "the model's chat template refuses them: " + e.getMessage());
    }
    return Prompts.encode(
        model,
        "messages",
        continued ? withoutEnd(text, messages.get(messages.size() - 1)) : text,
        fields.flag("add_special_tokens", false));
  }

  /**
   * Cuts everything that the template wrote after the last message's content, as transformers does.
   * If the content has several parts, the last one counts.
   */
  private static String withoutEnd(String text, Map<String, Object> last) {
    List<String> texts = ChatMessages.texts(last);
    String content = texts.isEmpty() ? "" : texts.get(texts.size() - 1).stripLeading();
    int kept = text.lastIndexOf(content);
    if (kept >= 0) {
      return text.substring(0, kept + content.length());
    }
    int trimmed = text.lastIndexOf(content.stripTrailing());
    if (trimmed < 0) {
      throw ApiException.invalid(
          "continue_final_message",
          "the model's chat template does not show the last message as it is");
    }
    return text.substring(0, trimmed + content.stripTrailing().length());
  }
}
