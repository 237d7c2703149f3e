//! Who issues keys and tokens that show it: their prefixes, and what follows these.
//!
//! Must not go here: how a token is judged (`issued`).

/// Which characters follow a prefix.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// Letters and digits.
    Alnum,
    /// Digits and `a` to `f`.
    Hex,
    /// The same, in groups joined by `_`.
    HexGroups,
    /// Digits and upper-case letters.
    Upper,
    /// Base64url and what joins its parts: `-`, `_`, `.`.
    Url,
    /// Base64url and `/`: the path of a URL.
    Path,
    /// Base64 with padding, and `-`, `_`, `.`.
    Base64,
}

use Body::{Alnum, Base64, Hex, HexGroups, Path, Upper, Url};

impl Body {
    pub fn has(self, b: u8) -> bool {
        match self {
            Alnum => b.is_ascii_alphanumeric(),
            Hex => b.is_ascii_hexdigit(),
            HexGroups => b.is_ascii_hexdigit() || b == b'_',
            Upper => b.is_ascii_digit() || b.is_ascii_uppercase(),
            Url => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'),
            Path => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/'),
            Base64 => b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'+' | b'/' | b'='),
        }
    }
}

/// Prefix, body, least and most characters of the body.
pub(super) type Issued = (&'static str, Body, usize, usize);

pub(super) const ISSUED: &[Issued] = &[
    // Amazon, Google, Microsoft, Alibaba, Tencent, Yandex, IBM
    ("AKIA", Upper, 16, 16),
    ("ASIA", Upper, 16, 16),
    ("ABIA", Upper, 16, 16),
    ("ACCA", Upper, 16, 16),
    ("A3T", Upper, 17, 17),
    ("ABSK", Base64, 100, 300),
    ("bedrock-api-key-", Base64, 20, 400),
    ("AIzaSy", Url, 33, 33),
    ("GOCSPX-", Url, 24, 40),
    ("ya29.", Url, 20, 400),
    ("LTAI", Alnum, 16, 20),
    ("AKID", Alnum, 28, 36),
    ("t1.", Base64, 60, 300),
    ("AQVN", Url, 30, 40),
    ("YC", Url, 38, 38),
    // Code hosting and packages
    ("ghp_", Alnum, 36, 255),
    ("gho_", Alnum, 36, 255),
    ("ghu_", Alnum, 36, 255),
    ("ghs_", Alnum, 36, 255),
    ("ghr_", Alnum, 36, 255),
    ("github_pat_", Url, 22, 255),
    ("glpat-", Url, 20, 320),
    ("glptt-", Url, 40, 40),
    ("gldt-", Url, 20, 60),
    ("glrt-", Url, 20, 320),
    ("glcbt-", Url, 20, 80),
    ("glsoat-", Url, 20, 60),
    ("glagent-", Url, 50, 60),
    ("glimt-", Url, 25, 60),
    ("glft-", Url, 20, 60),
    ("glffct-", Url, 20, 60),
    ("gloas-", Url, 64, 64),
    ("glrtr-", Url, 20, 60),
    ("GR1348941", Url, 20, 20),
    ("npm_", Alnum, 36, 36),
    ("pypi-AgE", Url, 50, 300),
    ("rubygems_", Hex, 48, 48),
    ("CLOJARS_", Alnum, 60, 60),
    ("dckr_pat_", Url, 27, 40),
    ("dckr_oat_", Url, 27, 40),
    ("AKC", Alnum, 60, 90),
    ("cmVmd", Alnum, 59, 59),
    ("sgp_local_", Hex, 40, 40),
    ("sgp_", Hex, 40, 40),
    ("sgp_", HexGroups, 57, 57),
    ("BBDC-", Url, 20, 60),
    ("ATATT3", Base64, 180, 200),
    ("ATBB", Alnum, 24, 40),
    // Messaging
    ("hooks.slack.com/", Path, 40, 200),
    ("xoxb-", Url, 20, 200),
    ("xoxp-", Url, 20, 200),
    ("xoxa-", Url, 10, 200),
    ("xoxr-", Url, 10, 200),
    ("xoxs-", Url, 10, 200),
    ("xoxo-", Url, 10, 200),
    ("xoxe-", Url, 30, 400),
    ("xoxe.xox", Url, 30, 400),
    ("xapp-", Url, 20, 200),
    ("SG.", Url, 60, 70),
    ("key-", Hex, 32, 32),
    ("xkeysib-", Url, 64, 90),
    ("xsmtpsib-", Url, 64, 90),
    ("SK", Hex, 32, 32),
    ("MG.", Url, 20, 80),
    ("pubkey-", Hex, 32, 32),
    // Payments and shops
    ("sk_live_", Alnum, 10, 255),
    ("sk_test_", Alnum, 10, 255),
    ("sk_prod_", Alnum, 10, 255),
    ("rk_live_", Alnum, 10, 255),
    ("rk_test_", Alnum, 10, 255),
    ("rk_prod_", Alnum, 10, 255),
    ("whsec_", Base64, 24, 80),
    ("sq0atp-", Url, 22, 60),
    ("sq0csp-", Url, 43, 60),
    ("EAAA", Url, 50, 64),
    ("shpat_", Hex, 32, 32),
    ("shpss_", Hex, 32, 32),
    ("shpca_", Hex, 32, 32),
    ("shppa_", Hex, 32, 32),
    ("FLWSECK", Url, 12, 80),
    ("FLWPUBK", Url, 12, 80),
    ("EAAM", Alnum, 100, 300),
    ("EAAC", Alnum, 100, 300),
    ("EZAK", Alnum, 54, 54),
    ("EZTK", Alnum, 54, 54),
    ("live_pub_", Hex, 31, 31),
    ("test_pub_", Hex, 31, 31),
    ("duffel_", Url, 43, 60),
    ("access_token$production$", Url, 40, 60),
    ("access_token$sandbox$", Url, 40, 60),
    ("shippo_live_", Hex, 40, 40),
    ("shippo_test_", Hex, 40, 40),
    ("gocardless_", Url, 30, 80),
    // Models
    ("sk-ant-", Url, 20, 200),
    ("sk-proj-", Url, 20, 300),
    ("sk-svcacct-", Url, 20, 300),
    ("sk-admin-", Url, 20, 300),
    ("sk-or-v1-", Hex, 40, 80),
    ("sk-", Alnum, 20, 100),
    ("hf_", Alnum, 30, 60),
    ("api_org_", Alnum, 30, 60),
    ("pplx-", Alnum, 40, 60),
    ("gsk_", Alnum, 40, 60),
    ("r8_", Alnum, 37, 40),
    ("xai-", Alnum, 60, 100),
    ("tvly-", Url, 24, 60),
    ("co_", Alnum, 38, 40),
    ("nvapi-", Url, 60, 80),
    ("fw_", Alnum, 22, 30),
    // Platforms and monitoring
    ("dop_v1_", Hex, 64, 64),
    ("doo_v1_", Hex, 64, 64),
    ("dor_v1_", Hex, 64, 64),
    ("hvs.", Url, 20, 300),
    ("hvb.", Url, 100, 300),
    ("s.", Alnum, 24, 24),
    ("dapi", Hex, 32, 34),
    ("dt0c01.", Url, 88, 90),
    ("fio-u-", Url, 40, 70),
    ("fo1_", Url, 43, 43),
    ("fm1", Base64, 100, 400),
    ("fm2_", Base64, 100, 400),
    ("glc_", Base64, 32, 400),
    ("glsa_", Url, 41, 41),
    ("eyJrIjoi", Base64, 60, 400),
    ("API-", Upper, 26, 26),
    ("NRAK-", Alnum, 27, 27),
    ("NRII-", Url, 32, 32),
    ("NRJS-", Hex, 19, 19),
    ("PMAK-", Url, 59, 59),
    ("pscale_tkn_", Url, 32, 64),
    ("pscale_pw_", Url, 32, 64),
    ("pscale_oauth_", Url, 32, 64),
    ("sntrys_", Base64, 60, 300),
    ("sntryu_", Hex, 64, 64),
    ("pul-", Hex, 40, 40),
    ("prfct_", Hex, 32, 60),
    ("pnu_", Alnum, 36, 36),
    ("p8e-", Alnum, 32, 32),
    ("lin_api_", Alnum, 40, 40),
    ("lin_oauth_", Alnum, 40, 80),
    ("ntn_", Alnum, 40, 50),
    ("secret_", Alnum, 43, 43),
    ("sbp_", Hex, 40, 40),
    ("sb_secret_", Url, 20, 60),
    ("rdme_", Alnum, 70, 70),
    ("sm_aat_", Alnum, 16, 16),
    ("sm_pat_", Alnum, 16, 16),
    ("sm_sat_", Alnum, 16, 16),
    ("tk-us-", Url, 48, 48),
    ("v1.0-", Url, 150, 200),
    ("dp.pt.", Alnum, 40, 48),
    ("dp.st.", Url, 40, 80),
    ("LIN-", Alnum, 30, 60),
    ("figd_", Url, 40, 60),
    ("airtable_", Url, 30, 80),
    ("ops_eyJ", Base64, 250, 2000),
    ("A3-", Url, 32, 40),
    ("AGE-SECRET-KEY-1", Upper, 58, 58),
    ("patsecret_", Alnum, 20, 80),
    ("cf_", Alnum, 40, 60),
    ("nfp_", Alnum, 36, 60),
    ("vercel_", Alnum, 24, 60),
    ("ocrd_", Url, 30, 80),
    ("heroku_", Url, 30, 80),
    ("HRKU-", Url, 30, 80),
    ("SEC-", Hex, 32, 64),
    ("PSYCLE_", Alnum, 40, 80),
    ("cog_", Alnum, 40, 80),
    ("sdp_", Alnum, 40, 80),
    ("doppler_", Alnum, 40, 80),
    ("ccipat_", Url, 40, 80),
];

/// No token is shorter, its prefix included.
pub(super) const SHORTEST: usize = 15;

/// Whether a byte may stand in a token, its prefix included.
pub(super) fn may_hold(b: u8) -> bool {
    Base64.has(b) || b == b'$'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn no_token_is_overlooked() {
        for (prefix, _, least, _) in ISSUED {
            assert!(prefix.len() + least >= SHORTEST && prefix.bytes().all(may_hold), "{prefix}");
        }
    }
}
