//! The words of the shop's pages, in English and Japanese.

use actix_web::HttpRequest;
use actix_web::http::header;

use super::Kind;
use super::way::Dialect;

pub(super) const LANGUAGE_COOKIE: &str = "demo-shop-language";

/// One language's words.
pub(super) struct Texts {
    /// What the tenant and idlink are told in `ui_locales`.
    pub(super) tag: &'static str,
    /// The other language, in its own words.
    pub(super) other: (&'static str, &'static str),
    pub(super) demo: &'static str,
    pub(super) business: KindTexts,
    pub(super) consumer: KindTexts,
    pub(super) custom_policy: WayTexts,
    pub(super) user_flow: WayTexts,
    pub(super) external_id: WayTexts,
    pub(super) who: &'static str,
    pub(super) nobody: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) sign_in_again: &'static str,
    pub(super) other_account: &'static str,
    pub(super) sign_out: &'static str,
    pub(super) customer_number: &'static str,
    pub(super) connected: &'static str,
    pub(super) not_connected: &'static str,
    pub(super) no_customer: &'static str,
    pub(super) not_known_now: &'static str,
    pub(super) not_allowed: &'static str,
    pub(super) name: &'static str,
    pub(super) email: &'static str,
    pub(super) through: &'static str,
    pub(super) local: &'static str,
    pub(super) platform: &'static str,
    pub(super) link: &'static str,
    pub(super) mailbox: &'static str,
    pub(super) trace: &'static str,
    pub(super) lookup: &'static str,
    pub(super) reference: &'static str,
    pub(super) error_code: &'static str,
    pub(super) told: &'static str,
    pub(super) refused_title: &'static str,
    pub(super) unavailable_title: &'static str,
    pub(super) unavailable: &'static str,
    pub(super) cancelled_title: &'static str,
    pub(super) cancelled: &'static str,
    pub(super) failed_title: &'static str,
    pub(super) failed: &'static str,
    pub(super) lost_title: &'static str,
    pub(super) lost: &'static str,
    pub(super) back: &'static str,
}

/// What differs between the two shops.
pub(super) struct KindTexts {
    pub(super) badge: &'static str,
    pub(super) headline: &'static str,
    pub(super) lead: &'static str,
    pub(super) products: [Product; 3],
    /// In place of prices, for people without a customer number.
    pub(super) no_price: &'static str,
}

/// What is said of a way to sign in.
pub(super) struct WayTexts {
    /// The button.
    pub(super) offer: &'static str,
    pub(super) detail: &'static str,
    pub(super) platform: &'static str,
}

pub(super) struct Product {
    pub(super) name: &'static str,
    pub(super) detail: &'static str,
    pub(super) price: &'static str,
}

impl Texts {
    /// The language that was chosen, now or before, or else the browser's.
    pub(super) fn of(request: &HttpRequest) -> &'static Self {
        let remembered = || by_tag(request.cookie(LANGUAGE_COOKIE)?.value());
        chosen(request)
            .or_else(remembered)
            .or_else(|| by_tag(accepted(request)?))
            .unwrap_or(&ENGLISH)
    }

    pub(super) fn kind(&self, kind: Kind) -> &KindTexts {
        match kind {
            Kind::Business => &self.business,
            Kind::Consumer => &self.consumer,
        }
    }

    pub(super) fn way(&self, dialect: Dialect) -> &WayTexts {
        match dialect {
            Dialect::CustomPolicy => &self.custom_policy,
            Dialect::UserFlow => &self.user_flow,
            Dialect::ExternalId => &self.external_id,
        }
    }

    /// To somebody who is signed in and has no customer number.
    pub(super) fn without_number(&self, customer_link: &str) -> &'static str {
        match customer_link {
            "unavailable" => self.not_known_now,
            "refused" => self.not_allowed,
            _ => self.no_customer,
        }
    }
}

/// The language that this very request chooses with `?lang=`.
pub(super) fn chosen(request: &HttpRequest) -> Option<&'static Texts> {
    let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    let (_, tag) = pairs.find(|(name, _)| name == "lang")?;
    by_tag(&tag)
}

fn accepted(request: &HttpRequest) -> Option<&str> {
    let header = request.headers().get(header::ACCEPT_LANGUAGE)?;
    header.to_str().ok()?.split([',', ';']).next()
}

fn by_tag(tag: &str) -> Option<&'static Texts> {
    match tag.trim().split('-').next()? {
        "ja" => Some(&JAPANESE),
        "en" => Some(&ENGLISH),
        _ => None,
    }
}

static ENGLISH: Texts = Texts {
    tag: "en",
    other: ("ja", "日本語"),
    demo: "A demo shop. Nothing here is for sale.",
    business: KindTexts {
        badge: "B2B",
        headline: "Supplies for people in business",
        lead: "Prices are your company's own. They are shown to our customers.",
        products: [
            Product {
                name: "Pallet of coffee",
                detail: "480 bags of 1 kg",
                price: "6,240.00",
            },
            Product {
                name: "Delivery van, weekly",
                detail: "3.5 t, electric",
                price: "389.00",
            },
            Product {
                name: "Office chairs",
                detail: "Box of ten",
                price: "1,150.00",
            },
        ],
        no_price: "For customers",
    },
    consumer: KindTexts {
        badge: "B2C",
        headline: "Good things for your home",
        lead: "Everybody is welcome. An account is made when you sign up.",
        products: [
            Product {
                name: "Coffee",
                detail: "1 kg, freshly roasted",
                price: "18.90",
            },
            Product {
                name: "Teapot",
                detail: "Cast iron, 0.8 l",
                price: "54.00",
            },
            Product {
                name: "Reading lamp",
                detail: "Warm white, dimmable",
                price: "79.00",
            },
        ],
        no_price: "Sign in to buy",
    },
    custom_policy: WayTexts {
        offer: "With a custom policy",
        detail: "Azure AD B2C, policies in XML.",
        platform: "Azure AD B2C, custom policy",
    },
    user_flow: WayTexts {
        offer: "With a user flow",
        detail: "Azure AD B2C, API connectors. The same accounts.",
        platform: "Azure AD B2C, user flow",
    },
    external_id: WayTexts {
        offer: "With External ID",
        detail: "Microsoft Entra External ID, accounts of its own.",
        platform: "Microsoft Entra External ID",
    },
    who: "Who am I?",
    nobody: "You are not signed in. This shop has three ways in, to compare them; the customers \
             behind them are the same.",
    sign_in: "Sign up or sign in",
    sign_in_again: "Sign in again",
    other_account: "Use another account",
    sign_out: "Sign out",
    customer_number: "Customer number",
    connected: "Connected to a customer account",
    not_connected: "Not connected",
    no_customer: "You are signed in. No customer account is connected to your sign-in.",
    not_known_now: "You are signed in, but your customer account cannot be looked up right now. \
                    Please sign in again in a few minutes.",
    not_allowed: "You are signed in, but your sign-in could not be connected to a customer \
                  account.",
    name: "Name",
    email: "Email address",
    through: "Signed in through",
    local: "Email and password",
    platform: "Sign-in platform",
    link: "What idlink says",
    mailbox: "Its mailbox",
    trace: "What happened at the sign-in platform, step by step",
    lookup: "To look it up",
    reference: "Reference",
    error_code: "Error code",
    told: "What this shop was told",
    refused_title: "Your sign-in is not connected yet",
    unavailable_title: "Signing in is not possible right now",
    unavailable: "Our sign-in service does not answer. Please try again in a few minutes.",
    cancelled_title: "You cancelled",
    cancelled: "Nothing was changed. You can sign up or sign in whenever you like.",
    failed_title: "The sign-in did not work",
    failed: "Something between the sign-in page and this shop did not fit. Please try again.",
    lost_title: "This sign-in has expired",
    lost: "It was not begun in this browser, or was completed already. Please begin again.",
    back: "Back to the shop",
};

static JAPANESE: Texts = Texts {
    tag: "ja",
    other: ("en", "English"),
    demo: "デモ用のショップです。商品の販売は行っていません。",
    business: KindTexts {
        badge: "法人向け",
        headline: "お仕事を支える品ぞろえ",
        lead: "価格はお客様企業ごとに異なり、お客様にのみ表示されます。",
        products: [
            Product {
                name: "コーヒー(パレット)",
                detail: "1 kg × 480袋",
                price: "6,240.00",
            },
            Product {
                name: "配送用バン(週単位)",
                detail: "3.5トン、電気自動車",
                price: "389.00",
            },
            Product {
                name: "オフィスチェア",
                detail: "10脚セット",
                price: "1,150.00",
            },
        ],
        no_price: "お客様専用",
    },
    consumer: KindTexts {
        badge: "個人向け",
        headline: "暮らしを彩る良いものを",
        lead: "どなたでもご利用いただけます。ご登録時にアカウントを作成します。",
        products: [
            Product {
                name: "コーヒー",
                detail: "1 kg、焙煎したて",
                price: "18.90",
            },
            Product {
                name: "ティーポット",
                detail: "鋳鉄製、0.8 L",
                price: "54.00",
            },
            Product {
                name: "読書灯",
                detail: "電球色、調光対応",
                price: "79.00",
            },
        ],
        no_price: "サインインしてご購入",
    },
    custom_policy: WayTexts {
        offer: "カスタムポリシーで",
        detail: "Azure AD B2C、XMLのポリシー。",
        platform: "Azure AD B2C(カスタムポリシー)",
    },
    user_flow: WayTexts {
        offer: "ユーザーフローで",
        detail: "Azure AD B2C、APIコネクタ。アカウントは共通です。",
        platform: "Azure AD B2C(ユーザーフロー)",
    },
    external_id: WayTexts {
        offer: "External IDで",
        detail: "Microsoft Entra External ID、独自のアカウント。",
        platform: "Microsoft Entra External ID",
    },
    who: "ご利用者の情報",
    nobody: "サインインしていません。比較できるよう、3通りの入口をご用意しています。\
             連携するお客様情報は共通です。",
    sign_in: "登録またはサインイン",
    sign_in_again: "もう一度サインイン",
    other_account: "別のアカウントを使う",
    sign_out: "サインアウト",
    customer_number: "お客様番号",
    connected: "お客様情報と連携しています",
    not_connected: "連携していません",
    no_customer: "サインインしていますが、お客様情報とは連携していません。",
    not_known_now: "サインインしていますが、ただいまお客様情報を確認できません。\
                    数分後にもう一度サインインしてください。",
    not_allowed: "サインインしていますが、お客様情報と連携できませんでした。",
    name: "お名前",
    email: "メールアドレス",
    through: "サインイン方法",
    local: "メールアドレスとパスワード",
    platform: "サインイン基盤",
    link: "idlinkの回答",
    mailbox: "メールボックス",
    trace: "サインイン基盤での処理を順を追って見る",
    lookup: "照会するコマンド",
    reference: "照会番号",
    error_code: "エラーコード",
    told: "このショップが受け取った内容",
    refused_title: "まだお客様情報と連携していません",
    unavailable_title: "ただいまサインインできません",
    unavailable: "サインインサービスから応答がありません。数分後にもう一度お試しください。",
    cancelled_title: "キャンセルしました",
    cancelled: "何も変更されていません。いつでも登録またはサインインできます。",
    failed_title: "サインインできませんでした",
    failed: "サインインページとこのショップの間で問題が発生しました。もう一度お試しください。",
    lost_title: "サインインの有効期限が切れました",
    lost: "このブラウザーで開始されていないか、すでに完了しています。最初からやり直してください。",
    back: "ショップに戻る",
};

#[cfg(test)]
mod tests {
    use actix_web::cookie::Cookie;
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_choice_counts_before_a_memory_and_a_memory_before_the_browser() {
        let cases = [
            ("/", None, None, "en"),
            ("/", None, Some("ja-JP,en;q=0.5"), "ja"),
            ("/", None, Some("fr, ja"), "en"),
            ("/", Some("en"), Some("ja"), "en"),
            ("/?lang=ja", Some("en"), Some("en"), "ja"),
            ("/?lang=xx", Some("ja"), None, "ja"),
        ];
        for (uri, cookie, accepted, expected) in cases {
            let mut request = TestRequest::with_uri(uri);
            if let Some(tag) = cookie {
                request = request.cookie(Cookie::new(LANGUAGE_COOKIE, tag));
            }
            if let Some(tags) = accepted {
                request = request.insert_header((header::ACCEPT_LANGUAGE, tags));
            }
            let texts = Texts::of(&request.to_http_request());
            assert_eq!(texts.tag, expected, "{uri} {cookie:?} {accepted:?}");
        }
    }
}
