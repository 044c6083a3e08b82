//! The words of the pages, in English and Japanese.

/// One language's words. English ones follow the platform's own defaults where
/// those are known.
pub(super) struct Texts {
    pub(super) mock: &'static str,
    pub(super) sign_in: &'static str,
    pub(super) sign_in_intro: &'static str,
    pub(super) sign_up: &'static str,
    pub(super) sign_up_title: &'static str,
    pub(super) no_account: &'static str,
    pub(super) email: &'static str,
    pub(super) password: &'static str,
    pub(super) new_password: &'static str,
    pub(super) confirm_password: &'static str,
    pub(super) password_kept: &'static str,
    pub(super) send_code: &'static str,
    pub(super) send_new_code: &'static str,
    pub(super) code: &'static str,
    pub(super) verify_code: &'static str,
    pub(super) change_email: &'static str,
    pub(super) create: &'static str,
    pub(super) cont: &'static str,
    pub(super) cancel: &'static str,
    pub(super) or_social: &'static str,
    pub(super) social_title: &'static str,
    pub(super) social_intro: &'static str,
    pub(super) social_no_email: &'static str,
    pub(super) social_subject_hint: &'static str,
    pub(super) details: &'static str,
    pub(super) details_intro: &'static str,
    pub(super) optional: &'static str,
    pub(super) blocked: &'static str,
    pub(super) blocked_hint: &'static str,
    pub(super) failed: &'static str,
    pub(super) failed_intro: &'static str,
    pub(super) signed_out: &'static str,
    pub(super) signed_out_text: &'static str,
    pub(super) mailbox: &'static str,
    pub(super) code_sent: &'static str,
    pub(super) verified: &'static str,
    pub(super) wrong_code: &'static str,
    pub(super) expired_code: &'static str,
    pub(super) too_many_tries: &'static str,
    pub(super) too_many_codes: &'static str,
    pub(super) must_verify: &'static str,
    pub(super) invalid_email: &'static str,
    pub(super) required: &'static str,
    pub(super) not_a_number: &'static str,
    pub(super) invalid_value: &'static str,
    pub(super) check_fields: &'static str,
    pub(super) keep_signed_in: &'static str,
    pub(super) forgot_password: &'static str,
    pub(super) trace: &'static str,
    pub(super) too_long: &'static str,
    /// What a new password has to be, before and after it is not.
    pub(super) password_rule: &'static str,
    pub(super) different_passwords: &'static str,
    pub(super) already_exists: &'static str,
    pub(super) no_such_account: &'static str,
    pub(super) wrong_password: &'static str,
    pub(super) former_password: &'static str,
    pub(super) expired_password: &'static str,
    pub(super) account_disabled: &'static str,
    pub(super) account_locked: &'static str,
    pub(super) need_subject: &'static str,
    attributes: [(&'static str, &'static str); 9],
}

impl Texts {
    /// By the language's tag.
    pub(super) const ALL: [(&'static str, &'static Self); 2] =
        [("en", &ENGLISH), ("ja", &JAPANESE)];

    /// English unless the tag's language is one we have.
    pub(super) fn for_tag(tag: &str) -> (&'static str, &'static Self) {
        match tag
            .split('-')
            .next()
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            Some("ja") => ("ja", &JAPANESE),
            _ => ("en", &ENGLISH),
        }
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&'static str> {
        let found = self.attributes.iter().find(|(known, _)| *known == name);
        found.map(|(_, label)| *label)
    }
}

/// The journey's language: the first tag of `ui_locales`, else the browser's
/// first, else English.
pub(super) fn language_tag(ui_locales: Option<&str>, accept_language: Option<&str>) -> String {
    let asked = ui_locales.and_then(|tags| tags.split_whitespace().next());
    let accepted = accept_language
        .and_then(|tags| tags.split([',', ';']).next())
        .map(str::trim);
    let is_tag = |tag: &&str| {
        (2..=35).contains(&tag.len())
            && tag
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    asked
        .filter(is_tag)
        .or(accepted.filter(is_tag))
        .unwrap_or("en-US")
        .to_owned()
}

static ENGLISH: Texts = Texts {
    mock: "Mock tenant, for testing. Do not enter real passwords.",
    sign_in: "Sign in",
    sign_in_intro: "Sign in with your existing account",
    sign_up: "Sign up now",
    sign_up_title: "Sign up",
    no_account: "Don't have an account?",
    email: "Email address",
    password: "Password",
    new_password: "New password",
    confirm_password: "Confirm new password",
    password_kept: "The password typed before is kept. Fill in both fields only to change it.",
    send_code: "Send verification code",
    send_new_code: "Send new code",
    code: "Verification code",
    verify_code: "Verify code",
    change_email: "Change email",
    create: "Create",
    cont: "Continue",
    cancel: "Cancel",
    or_social: "Or use another account",
    social_title: "Sign in with",
    social_intro: "This page plays the upstream identity provider. Say what it tells about the person.",
    social_no_email: "The provider tells no email address",
    social_subject_hint: "Left empty, it is derived from the address: the same address is the same person.",
    details: "Your details",
    details_intro: "Check what the provider told about you and complete it.",
    optional: "optional",
    blocked: "You cannot continue",
    blocked_hint: "To try again, start from the application.",
    failed: "Sorry, but we're having trouble signing you in.",
    failed_intro: "We track these errors automatically, but if the problem persists feel free to contact us. In the meantime, please try again.",
    signed_out: "Signed out",
    signed_out_text: "You are signed out of the mock tenant.",
    mailbox: "Mailbox",
    code_sent: "A verification code has been sent to your inbox. Please copy it to the box below.",
    verified: "The email address has been verified. You can now continue.",
    wrong_code: "That code is incorrect. Please try again.",
    expired_code: "That code is expired. Please request a new code.",
    too_many_tries: "You've made too many incorrect attempts. Please request a new code.",
    too_many_codes: "There have been too many requests to verify this email address. Please start again.",
    must_verify: "Please verify your email address first.",
    invalid_email: "Please enter a valid email address.",
    required: "This information is required.",
    invalid_value: "Please enter a valid value.",
    check_fields: "Some of the details are missing or not valid. Please check the fields that are marked.",
    keep_signed_in: "Keep me signed in",
    forgot_password: "Forgot your password?",
    trace: "Trace",
    not_a_number: "Please enter a whole number.",
    too_long: "Please enter at most 250 characters.",
    password_rule: "The password must be between 8 and 64 characters and have at least 3 of the following: a lowercase letter, an uppercase letter, a digit, a symbol.",
    different_passwords: "The password entry fields do not match. Please enter the same password in both fields and try again.",
    already_exists: "A user with the specified ID already exists. Please choose a different one.",
    no_such_account: "We can't seem to find your account.",
    wrong_password: "Your password is incorrect.",
    former_password: "Looks like you used an old password.",
    expired_password: "Your password has expired.",
    account_disabled: "Your account has been locked. Contact your support person to unlock it, then try again.",
    account_locked: "Your account is temporarily locked to prevent unauthorized use. Try again later.",
    need_subject: "Without an address, please say the user id at the provider.",
    attributes: [
        ("city", "City"),
        ("country", "Country/Region"),
        ("displayName", "Display name"),
        ("givenName", "Given name"),
        ("jobTitle", "Job title"),
        ("postalCode", "Postal code"),
        ("state", "State/Province"),
        ("streetAddress", "Street address"),
        ("surname", "Surname"),
    ],
};

static JAPANESE: Texts = Texts {
    mock: "テスト用の模擬テナントです。本物のパスワードは入力しないでください。",
    sign_in: "サインイン",
    sign_in_intro: "既存のアカウントでサインインしてください",
    sign_up: "今すぐサインアップ",
    sign_up_title: "サインアップ",
    no_account: "アカウントをお持ちではありませんか?",
    email: "電子メール アドレス",
    password: "パスワード",
    new_password: "新しいパスワード",
    confirm_password: "新しいパスワードの確認",
    password_kept: "先ほど入力したパスワードを使用します。変更する場合のみ両方の欄に入力してください。",
    send_code: "確認コードを送信",
    send_new_code: "新しいコードを送信",
    code: "確認コード",
    verify_code: "コードの確認",
    change_email: "電子メールの変更",
    create: "作成",
    cont: "続行",
    cancel: "キャンセル",
    or_social: "別のアカウントを使用する",
    social_title: "サインイン:",
    social_intro: "このページは外部の ID プロバイダーの代わりです。プロバイダーが伝える内容を入力してください。",
    social_no_email: "プロバイダーは電子メール アドレスを伝えない",
    social_subject_hint: "空欄の場合はアドレスから決まります。同じアドレスは同じ人です。",
    details: "詳細情報",
    details_intro: "プロバイダーから受け取った情報を確認し、不足を補ってください。",
    optional: "任意",
    blocked: "続行できません",
    blocked_hint: "もう一度試すには、アプリケーションからやり直してください。",
    failed: "サインイン中に問題が発生しました。",
    failed_intro: "問題が続く場合はお問い合わせください。しばらくしてから、もう一度お試しください。",
    signed_out: "サインアウトしました",
    signed_out_text: "模擬テナントからサインアウトしました。",
    mailbox: "メールボックス",
    code_sent: "確認コードを受信トレイに送信しました。下のボックスに入力してください。",
    verified: "電子メール アドレスが確認されました。続行できます。",
    wrong_code: "コードが正しくありません。もう一度お試しください。",
    expired_code: "コードの有効期限が切れています。新しいコードを要求してください。",
    too_many_tries: "正しくない入力が多すぎます。新しいコードを要求してください。",
    too_many_codes: "このアドレスの確認要求が多すぎます。最初からやり直してください。",
    must_verify: "先に電子メール アドレスを確認してください。",
    invalid_email: "有効な電子メール アドレスを入力してください。",
    required: "この情報は必須です。",
    invalid_value: "有効な値を入力してください。",
    check_fields: "入力内容に不足または誤りがあります。印の付いた項目を確認してください。",
    keep_signed_in: "サインインしたままにする",
    forgot_password: "パスワードを忘れた場合",
    trace: "トレース",
    not_a_number: "整数を入力してください。",
    too_long: "250 文字以内で入力してください。",
    password_rule: "パスワードは 8 ～ 64 文字で、小文字、大文字、数字、記号のうち 3 種類以上を含む必要があります。",
    different_passwords: "パスワードが一致しません。両方の欄に同じパスワードを入力してください。",
    already_exists: "指定された ID のユーザーは既に存在します。別の ID を選択してください。",
    no_such_account: "アカウントが見つかりません。",
    wrong_password: "パスワードが正しくありません。",
    former_password: "以前のパスワードが使用されたようです。",
    expired_password: "パスワードの有効期限が切れています。",
    account_disabled: "アカウントがロックされています。サポート担当者に連絡してロックを解除してから、もう一度お試しください。",
    account_locked: "不正使用を防ぐため、アカウントは一時的にロックされています。後でもう一度お試しください。",
    need_subject: "アドレスがない場合は、プロバイダーでのユーザー ID を入力してください。",
    attributes: [
        ("city", "市区町村"),
        ("country", "国/地域"),
        ("displayName", "表示名"),
        ("givenName", "名"),
        ("jobTitle", "役職"),
        ("postalCode", "郵便番号"),
        ("state", "都道府県"),
        ("streetAddress", "番地"),
        ("surname", "姓"),
    ],
};
