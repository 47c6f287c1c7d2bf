"""The models that export.py knows: a diffusers (or transformers) class with a configuration, and its inputs.

Each entry of `architectures` is a function of `full` that returns (module, inputs). Nothing is downloaded; the
weights are whatever the constructors make of torch's random generator. Inputs are named as the export names them;
`full` sizes are the published models' at the resolution in the README, the tiny ones keep every kind of layer and
avoid round extents.
"""

import diffusers
import torch


class Method(torch.nn.Module):
    """A module whose forward is another's method, for the halves of an autoencoder."""

    def __init__(self, inner, call):
        super().__init__()
        self.v, self.call = inner, call

    def forward(self, *inputs):
        return self.call(self.v, *inputs)


def randn(*shape):
    return torch.randn(*shape)


def _imageIds(height, width):
    ids = torch.zeros(height, width, 3)
    ids[..., 1] += torch.arange(height)[:, None]
    ids[..., 2] += torch.arange(width)[None]
    return ids.reshape(height * width, 3)


def _flux(height, width, text, **config):
    model = diffusers.FluxTransformer2DModel(guidance_embeds=True, **config)
    channels, textChannels = model.config.in_channels, model.config.joint_attention_dim
    return model, {
        "hidden_states": randn(1, height * width, channels),
        "encoder_hidden_states": randn(1, text, textChannels),
        "pooled_projections": randn(1, model.config.pooled_projection_dim),
        "timestep": torch.ones(1) * 0.5,
        "guidance": torch.ones(1) * 3.5,
        "img_ids": _imageIds(height, width),
        "txt_ids": torch.zeros(text, 3),
    }


def flux(full):
    if full:
        return _flux(64, 64, 512)
    return _flux(5, 6, 7, in_channels=16, num_layers=2, num_single_layers=2, attention_head_dim=32,
                 num_attention_heads=2, joint_attention_dim=48, pooled_projection_dim=40,
                 axes_dims_rope=(8, 12, 12))


def flux768(full):
    return _flux(48, 48, 256) if full else flux(False)


def wan(full):
    config = dict(num_attention_heads=12, attention_head_dim=128, ffn_dim=8960, num_layers=30)
    latents, text = (16, 21, 60, 104), 512
    if not full:
        config = dict(num_attention_heads=2, attention_head_dim=24, in_channels=4, out_channels=4, text_dim=40,
                      freq_dim=32, ffn_dim=80, num_layers=2)
        latents, text = (4, 3, 8, 6), 9
    model = diffusers.WanTransformer3DModel(**config)
    return model, {
        "hidden_states": randn(1, *latents),
        "timestep": torch.full((1,), 500.0),
        "encoder_hidden_states": randn(1, text, model.config.text_dim),
    }


def unet(full):
    config = dict(sample_size=64, cross_attention_dim=768, block_out_channels=(320, 640, 1280, 1280),
                  attention_head_dim=8)
    size, text = 64, 77
    if not full:
        config = dict(sample_size=16, cross_attention_dim=24, block_out_channels=(16, 32), attention_head_dim=2,
                      layers_per_block=1, norm_num_groups=4,
                      down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
                      up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"))
        size, text = 16, 7
    return diffusers.UNet2DConditionModel(**config), {
        "sample": randn(2, 4, size, size),
        "timestep": torch.full((2,), 500.0),
        "encoder_hidden_states": randn(2, text, config["cross_attention_dim"]),
    }


def _sdVae(full):
    widths = (128, 256, 512, 512) if full else (16, 32)
    return diffusers.AutoencoderKL(
        block_out_channels=widths, layers_per_block=2 if full else 1, latent_channels=4,
        norm_num_groups=32 if full else 8, down_block_types=["DownEncoderBlock2D"] * len(widths),
        up_block_types=["UpDecoderBlock2D"] * len(widths))


def sdvae(full):
    size = 64 if full else 12
    return Method(_sdVae(full), lambda v, z: v.decode(z, return_dict=False)[0]), {"z": randn(1, 4, size, size)}


def sdvaeEncoder(full):
    def encode(v, x):
        return v.quant_conv(v.encoder(x))

    size = 512 if full else 22
    return Method(_sdVae(full), encode), {"x": randn(1, 3, size, size)}


def wanvae(full):
    config = {} if full else dict(base_dim=8, z_dim=4, dim_mult=[1, 2, 2], num_res_blocks=1, attn_scales=[],
                                  temperal_downsample=[False, True], latents_mean=[0.0] * 4,
                                  latents_std=[1.0] * 4)
    shape = (1, 16, 5, 60, 104) if full else (1, 4, 3, 6, 4)
    model = diffusers.AutoencoderKLWan(**config)
    return Method(model, lambda v, z: v.decode(z, return_dict=False)[0]), {"z": randn(*shape)}


def sd3(full):
    config = dict(num_layers=24, num_attention_heads=24, caption_projection_dim=1536) if full else dict(
        sample_size=14, in_channels=4, out_channels=4, num_layers=3, attention_head_dim=16, num_attention_heads=3,
        joint_attention_dim=40, caption_projection_dim=48, pooled_projection_dim=24, pos_embed_max_size=16,
        qk_norm="rms_norm", dual_attention_layers=(0,))
    model = diffusers.SD3Transformer2DModel(**config)
    size = 128 if full else 14
    return model, {
        "hidden_states": randn(1, model.config.in_channels, size, size),
        "encoder_hidden_states": randn(1, 333 if full else 9, model.config.joint_attention_dim),
        "pooled_projections": randn(1, model.config.pooled_projection_dim),
        "timestep": torch.full((1,), 500.0),
    }


class SdxlUnet(torch.nn.Module):
    """The UNet with its micro-conditioning as plain inputs."""

    def __init__(self, model):
        super().__init__()
        self.m = model

    def forward(self, sample, timestep, encoder_hidden_states, text_embeds, time_ids):
        return self.m(sample, timestep, encoder_hidden_states,
                      added_cond_kwargs={"text_embeds": text_embeds, "time_ids": time_ids}, return_dict=False)[0]


def sdxl(full):
    config = dict(
        sample_size=128, cross_attention_dim=2048, block_out_channels=(320, 640, 1280),
        transformer_layers_per_block=(1, 2, 10), attention_head_dim=(5, 10, 20),
        addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816)
    size, text, pooled = 128, 77, 1280
    if not full:
        config = dict(
            sample_size=12, cross_attention_dim=24, block_out_channels=(16, 32, 48), norm_num_groups=4,
            layers_per_block=1, transformer_layers_per_block=(1, 1, 2), attention_head_dim=(2, 4, 3),
            addition_time_embed_dim=8, projection_class_embeddings_input_dim=8 * 6 + 20)
        size, text, pooled = 12, 7, 20
    model = diffusers.UNet2DConditionModel(
        use_linear_projection=True, addition_embed_type="text_time",
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), **config)
    return SdxlUnet(model), {
        "sample": randn(1, 4, size, size),
        "timestep": torch.full((1,), 500.0),
        "encoder_hidden_states": randn(1, text, config["cross_attention_dim"]),
        "text_embeds": randn(1, pooled),
        "time_ids": torch.tensor([[size * 8.0, size * 8.0, 0.0, 0.0, size * 8.0, size * 8.0]]),
    }


def pixart(full):
    config = dict(sample_size=128, num_layers=28) if full else dict(
        sample_size=10, num_attention_heads=3, attention_head_dim=16, num_layers=2, cross_attention_dim=48,
        caption_channels=40, norm_num_groups=4)
    model = diffusers.PixArtTransformer2DModel(use_additional_conditions=False, **config)
    size, text = (128, 300) if full else (10, 9)
    mask = torch.ones(1, text)
    mask[:, text // 2:] = 0
    return model, {
        "hidden_states": randn(1, 4, size, size),
        "encoder_hidden_states": randn(1, text, model.config.caption_channels),
        "timestep": torch.full((1,), 500.0),
        "encoder_attention_mask": mask,
    }


def dit(full):
    config = dict(num_layers=28, sample_size=32) if full else dict(
        sample_size=10, num_attention_heads=2, attention_head_dim=20, num_layers=2, num_embeds_ada_norm=11,
        in_channels=4, out_channels=8)
    model = diffusers.DiTTransformer2DModel(**config)
    size = model.config.sample_size
    return model, {
        "hidden_states": randn(2, 4, size, size),
        "timestep": torch.tensor([7, 3]),
        "class_labels": torch.tensor([2, 10]),
    }


class LtxTransformer(torch.nn.Module):
    def __init__(self, model, frames, height, width):
        super().__init__()
        self.m, self.size = model, (frames, height, width)

    def forward(self, hidden_states, encoder_hidden_states, timestep, encoder_attention_mask):
        frames, height, width = self.size
        return self.m(hidden_states, encoder_hidden_states, timestep, encoder_attention_mask, num_frames=frames,
                      height=height, width=width, rope_interpolation_scale=(0.32, 32.0, 32.0),
                      return_dict=False)[0]


def ltx(full):
    size = (21, 16, 24) if full else (3, 4, 5)
    config = {} if full else dict(in_channels=16, out_channels=16, num_attention_heads=2, attention_head_dim=24,
                                  cross_attention_dim=48, num_layers=2, caption_channels=40)
    model = diffusers.LTXVideoTransformer3DModel(**config)
    text = 128 if full else 9
    mask = torch.ones(1, text)
    mask[:, text // 2:] = 0
    return LtxTransformer(model, *size), {
        "hidden_states": randn(1, size[0] * size[1] * size[2], model.config.in_channels),
        "encoder_hidden_states": randn(1, text, model.config.caption_channels),
        "timestep": torch.full((1,), 500.0),
        "encoder_attention_mask": mask,
    }


def hunyuan(full):
    config = {} if full else dict(
        in_channels=4, out_channels=4, num_attention_heads=2, attention_head_dim=24, num_layers=1,
        num_single_layers=1, num_refiner_layers=1, text_embed_dim=40, pooled_projection_dim=20,
        rope_axes_dim=(8, 8, 8))
    model = diffusers.HunyuanVideoTransformer3DModel(guidance_embeds=True, **config)
    latents, text = ((9, 40, 64), 256) if full else ((3, 6, 8), 9)
    mask = torch.ones(1, text)
    mask[:, text - 2:] = 0
    return model, {
        "hidden_states": randn(1, model.config.in_channels, *latents),
        "timestep": torch.full((1,), 500.0),
        "encoder_hidden_states": randn(1, text, model.config.text_embed_dim),
        "encoder_attention_mask": mask,
        "pooled_projections": randn(1, model.config.pooled_projection_dim),
        "guidance": torch.full((1,), 6000.0),
    }


def taesd(full):
    config = {} if full else dict(encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8),
                                  num_encoder_blocks=(1, 2), num_decoder_blocks=(2, 1))
    size = 64 if full else 10
    model = diffusers.AutoencoderTiny(**config)
    return Method(model, lambda v, z: v.decode(z, return_dict=False)[0]), {"z": randn(1, 4, size, size)}


def svd(full):
    """Stable Video Diffusion's UNet: spatial and temporal layers, blended."""
    config = dict(num_frames=14) if full else dict(
        sample_size=8, num_frames=3, in_channels=8, out_channels=4, block_out_channels=(32, 64),
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"), layers_per_block=1,
        num_attention_heads=(2, 4), cross_attention_dim=24, addition_time_embed_dim=16,
        projection_class_embeddings_input_dim=48)
    model = diffusers.UNetSpatioTemporalConditionModel(**config)
    frames, height, width = (14, 72, 128) if full else (3, 8, 6)
    return model, {
        "sample": randn(1, frames, 8, height, width),
        "timestep": torch.full((1,), 5.0),
        "encoder_hidden_states": randn(1, 1, model.config.cross_attention_dim),
        "added_time_ids": torch.tensor([[6.0, 127.0, 0.02]]),
    }


def clipText(full):
    """Stable Diffusion's text encoder: an embedding table and causal attention."""
    import transformers

    config = transformers.CLIPTextConfig(
        hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12) if full else (
        transformers.CLIPTextConfig(vocab_size=99, hidden_size=32, intermediate_size=48, num_attention_heads=2,
                                    num_hidden_layers=2, max_position_embeddings=11, eos_token_id=98))
    model = transformers.CLIPTextModel(config)
    length = config.max_position_embeddings
    tokens = torch.randint(1, config.vocab_size - 1, (1, length))
    tokens[:, -3:] = config.vocab_size - 1
    return Method(model, lambda v, ids: v(input_ids=ids).last_hidden_state), {"input_ids": tokens}


def t5Encoder(full):
    """Flux's and SD3's text encoder: RMS norm, gated GELU, relative position buckets."""
    import transformers

    config = transformers.T5Config(
        d_model=4096, d_kv=64, d_ff=10240, num_layers=24, num_heads=64, feed_forward_proj="gated-gelu") if full else (
        transformers.T5Config(vocab_size=99, d_model=32, d_kv=8, d_ff=40, num_layers=2, num_heads=4,
                              feed_forward_proj="gated-gelu"))
    model = transformers.T5EncoderModel(config)
    tokens = torch.randint(1, config.vocab_size, (1, 512 if full else 11))
    return Method(model, lambda v, ids: v(input_ids=ids).last_hidden_state), {"input_ids": tokens}


architectures = {
    "flux": flux, "flux-1024": flux, "flux-768": flux768, "wan": wan, "wan-1.3b": wan, "unet": unet,
    "sd15-b2": unet, "sdvae": sdvae, "wanvae": wanvae, "sdvae-encoder": sdvaeEncoder, "sd3": sd3, "sdxl": sdxl,
    "pixart": pixart, "dit": dit, "ltx": ltx, "hunyuan": hunyuan, "taesd": taesd, "svd": svd,
    "clip-text": clipText, "t5-encoder": t5Encoder,
}
