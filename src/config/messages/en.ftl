### Built-in texts. Each topic in two stages: on the sign-up page nothing has
### been created yet; after sign-in the person has an account and only the
### customer is missing.

# Where the site is not known.
this_site = this site

customer_not_found =
    .sign_up = We could not find a customer account at { $site } for this email address. Please sign up with the address that { $site } has on file for you, or ask { $site } to add this one. Reference: { $reference }
    .signed_in = Your sign-up was successful, but we could not find a customer account at { $site } for your email address. Please ask { $site } to add it; after that, sign in again and you are connected. Reference: { $reference }

multiple_customers =
    .sign_up = More than one customer account at { $site } uses this email address, so we cannot tell which one is yours. Please contact { $site } and give this reference: { $reference }
    .signed_in = Your sign-up was successful, but more than one customer account at { $site } uses your email address, so we cannot tell which one is yours. Please contact { $site } and give this reference: { $reference }

unverified_address =
    .sign_up = We could not confirm that this email address belongs to you. Please sign up with an email address and a password instead, so that we can send you a code. Reference: { $reference }
    .signed_in = Your sign-up was successful, but we could not confirm that the email address belongs to you, so it is not connected to a customer account at { $site }. Please contact { $site } and give this reference: { $reference }

already_linked =
    .sign_up = The customer account at { $site } for this email address already has a sign-in. Please sign in with it, or contact { $site } if it is not yours. Reference: { $reference }
    .signed_in = Your sign-up was successful, but the customer account at { $site } for your email address already has another sign-in. Please use that one, or contact { $site } if it is not yours. Reference: { $reference }

try_again_later =
    .sign_up = We cannot complete your sign-up right now. Nothing is wrong with what you entered. Please try again in a minute. Reference: { $reference }
    .signed_in = Your sign-up was successful, but we cannot look up your customer account at { $site } right now. Please sign in again in a few minutes. Reference: { $reference }

records_behind =
    .sign_up = We cannot complete your sign-up at { $site } yet, because our customer records are still being brought up to date. Nothing is wrong with what you entered. Please try again later. Reference: { $reference }
    .signed_in = Your sign-up was successful, but the customer records of { $site } are still being brought up to date, so we cannot connect it yet. Please sign in again later. Reference: { $reference }

not_found_yet =
    .sign_up = We could not find a customer account at { $site } for this email address, but our customer records are not up to date at the moment. Please try again later, or contact { $site } and give this reference: { $reference }
    .signed_in = Your sign-up was successful, but we could not find a customer account at { $site } for your email address yet: our customer records are not up to date at the moment. Please sign in again later, or contact { $site } and give this reference: { $reference }

not_possible =
    .sign_up = We cannot sign you up at { $site } with these details. Please contact { $site } and give this reference: { $reference }
    .signed_in = Your sign-up was successful, but we could not connect it to a customer account at { $site }. Please contact { $site } and give this reference: { $reference }
